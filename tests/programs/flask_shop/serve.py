# SPDX-License-Identifier: MIT
"""Serves the shop on a free port of the loopback interface: serve.py DATABASE. Prints the port."""

import logging
import sys

import shop
from werkzeug.serving import make_server


def main() -> None:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, shop.create_app(sys.argv[1]), threaded=True)
    print(server.server_port, flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


main()
