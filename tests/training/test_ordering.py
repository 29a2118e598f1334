"""Which image comes when."""

from collections import Counter

from weclip_training.ordering import image_at, strata_of


def test_where_few_images_are_drawn_every_other_one_is_drawn():
    strata = strata_of(drawn=2, count=10)
    chosen = [image_at(place, strata, seed=1) for place in range(32)]
    assert all((index < 2) == (place % 2 == 0) for place, index in enumerate(chosen))
    assert Counter(chosen) == {0: 8, 1: 8} | dict.fromkeys(range(2, 10), 2)


def test_where_most_images_are_drawn_all_come_equally_often():
    for drawn in (0, 5, 9, 10):
        strata = strata_of(drawn, 10)
        assert strata == (range(10),)
        assert Counter(image_at(place, strata, 1) for place in range(20)) == dict.fromkeys(
            range(10), 2
        )


def test_an_epochs_order_depends_on_the_seed_and_the_epoch():
    strata = strata_of(0, 30)
    orders = {
        tuple(image_at(place, strata, seed) for place in range(start, start + 30))
        for seed, start in ((1, 0), (1, 30), (2, 0))
    }
    assert len(orders) == 3
