# SPDX-License-Identifier: Apache-2.0
"""``make demo``: a primary dies, its clients reach the secondary, and return when it is back.

``scenario`` says what is done and ``run`` does it; ``feed`` and ``clients`` are the two sources of what
is seen; ``figures`` says what it means, ``expectations`` whether it is what was promised, and
``report`` shows it. ``setup`` defines the load balancer as a user would, by the command line.
"""
