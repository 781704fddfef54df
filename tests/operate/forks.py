"""The process to fork from: one that runs tests has one, and its first use settles what it has imported."""

import multiprocessing

LATE = ("anyio._backends._asyncio", "psycopg", "pyarrow.dataset", "uvicorn.lifespan.on", "uvicorn.loops.auto")
"""What a service imports once it runs: each life would do so again."""

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["pytest", *LATE, "tests.operate.service.victims", "tests.operate.ledger.writer_process"])
