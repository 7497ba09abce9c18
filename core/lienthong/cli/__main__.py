"""``python -m lienthong.cli``."""

from lienthong.cli.main import main

raise SystemExit(main())
