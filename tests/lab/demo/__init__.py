# SPDX-License-Identifier: Apache-2.0
"""``make demo``: a primary dies, its clients reach the secondary, and return when it is back.

``play`` is the whole of it. ``service`` defines the load balancer as a user would, by the command
line; ``scenario`` says what is done to the primary and ``run`` does it; ``feed`` and ``clients``
tell what the controller and its clients see of it; ``figures`` says what that amounts to,
``expectations`` whether it is what was promised, and ``report`` shows both.
"""
