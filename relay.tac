"""twistd -ny relay.tac: the same as ``twistd -n relay``, with settings from RELAY_… and the file RELAY_CONFIG."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from twisted.application.service import Application  # noqa: E402

from relay.tap import make  # noqa: E402

application = Application("relay")
make(os.environ.get("RELAY_ROLE", "all"), {}).setServiceParent(application)
