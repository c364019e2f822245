# SPDX-License-Identifier: Apache-2.0
"""Messages and stubs of ``xdpair.api.v1``."""
