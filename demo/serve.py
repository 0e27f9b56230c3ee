# SPDX-License-Identifier: MIT
"""Starts the shop. Its code is a module of its own, so its types are named service.*."""

import service

service.main()
