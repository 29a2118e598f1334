"""``python -m weclip_training``, as ``accelerate launch -m weclip_training`` needs it."""

import sys

from weclip_training.cli import main

sys.exit(main())
