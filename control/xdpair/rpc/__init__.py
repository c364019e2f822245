# SPDX-License-Identifier: Apache-2.0
"""The gRPC server: converts, calls the application, converts back. No decisions."""
