"""Forks: what is from before refuses, what is new works, and the parent notices nothing."""

from __future__ import annotations

import textwrap

import pytest

from vtrix_sandbox import LocalGateway, Sandbox

from elsewhere import ATTACH, python

FORKING = textwrap.dedent(ATTACH) + textwrap.dedent("""
    import traceback, warnings
    # Newer Pythons warn of a fork of a process that has threads, which is what is tested.
    warnings.simplefilter("ignore", DeprecationWarning)

    def in_a_child(work):
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                work()
                code = 0
            finally:
                if code:
                    traceback.print_exc()
                sys.stderr.flush()
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0

    async def fresh():
        async with vs.AsyncClient(url, token) as c, await c.attach(sandbox_id) as s:
            assert (await s.run_command("echo child")).output == "child\\n"
            async with s.run_command_stream("echo child") as events:
                assert [event.type async for event in events][-1] == "done"
""")


@pytest.fixture
def where(gateway: LocalGateway, sandbox: Sandbox, directory: str) -> list[str]:
    return [gateway.url, gateway.token, sandbox.id, directory]


def forked(code: str, where: list[str]) -> None:
    process = python(FORKING + textwrap.dedent(code), *where)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "", "")


def test_after_a_fork_old_handles_refuse_and_new_ones_work(where: list[str]) -> None:
    code = ATTACH + textwrap.dedent("""
        import warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        stream = sandbox.run_command_stream("echo x"); next(stream)
        command = sandbox.run_command_detached("true")
        gateway = vs.LocalGateway().start()
        vs.forward_logs("ERROR")
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                refusals = [
                    lambda: client.list(), lambda: sandbox.run_command("true"), lambda: next(stream),
                    lambda: sandbox.status, lambda: command.wait(),
                ]
                for refused in refusals:
                    try:
                        refused()
                    except vs.ClosedError as error:
                        assert "fork" in str(error), error
                    else:
                        raise AssertionError
                assert sandbox.id == sandbox_id and command.cmd_id
                client.close(); sandbox.close(); stream.close()
                vs.forward_logs("ERROR")
                with vs.Client(url, token) as fresh, fresh.attach(sandbox_id) as again:
                    assert again.run_command("echo child").output == "child\\n"
                async def main():
                    async with vs.AsyncClient(url, token) as c, await c.attach(sandbox_id) as s:
                        assert (await s.run_command("echo child")).output == "child\\n"
                asyncio.run(main())
                del client, sandbox, stream, command, gateway, refusals
                code = 0
            finally:
                if code:
                    import traceback; traceback.print_exc()
                sys.stderr.flush()
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert sandbox.run_command("echo parent").output == "parent\\n"
        gateway.close()
    """)
    process = python(code, *where)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "", "")


def test_a_fork_beside_a_thread_that_waits(where: list[str]) -> None:
    code = ATTACH + textwrap.dedent("""
        import warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        done = []
        up = "while [ ! -s pid ]; do sleep 0.02; done"
        wait = lambda: done.append(sandbox.run_command("echo $$ > pid; until [ -e go ]; do sleep 0.02; done",
                                                       working_dir=directory).exit_code)
        thread = threading.Thread(target=wait)
        thread.start()
        sandbox.run_command(up, working_dir=directory)
        pid = os.fork()
        if pid == 0:
            with vs.Client(url, token) as fresh, fresh.attach(sandbox_id) as again:
                again.write(directory + "/go", "")
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        thread.join()
        assert done == [0]
    """)
    process = python(code, *where)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "", "")


def test_a_forked_child_exits_like_any_other(where: list[str]) -> None:
    code = ATTACH + textwrap.dedent("""
        import warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        gateway = vs.LocalGateway().start()
        pid = os.fork()
        if pid == 0:
            sys.exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        with gateway.client() as local:
            local.list()
        gateway.close()
    """)
    process = python(code, *where)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "", "")


def test_asyncio_from_before_a_fork_refuses_and_new_works(where: list[str]) -> None:
    code = """
        loop = asyncio.new_event_loop()
        old = vs.AsyncClient(url, token)

        async def before():
            sb = await old.attach(sandbox_id)
            stream = sb.run_command_stream("echo x")
            await anext(stream)
            file = sb.open("/etc/hostname")
            await file.read(1)
            command = await sb.run_command_detached("true")
            waiting = asyncio.ensure_future(sb.run_command("exec sleep 600"))
            await sb.exists("/")
            return sb, stream, file, command, waiting

        sb, stream, file, command, waiting = loop.run_until_complete(before())

        async def after():
            for call in (
                lambda: old.list(), lambda: sb.run_command("true"), lambda: anext(stream),
                lambda: file.read(), lambda: command.wait(), lambda: sb.exists("/"),
            ):
                try:
                    await call()
                except vs.ClosedError as error:
                    assert "fork" in str(error), error
                else:
                    raise AssertionError
            await old.aclose(); await sb.aclose(); await stream.aclose()
            await fresh()

        def child():
            asyncio.run(after())
            # A second loop after it, as a worker that is started anew has one.
            asyncio.run(fresh())

        in_a_child(child)

        async def go_on():
            assert (await sb.run_command("echo parent")).output == "parent\\n"
            assert [event.type async for event in stream][-1] == "done"
            assert not waiting.done()
            await file.aclose()
            await old.aclose()
            try:
                await waiting
            except vs.ClosedError:
                pass

        loop.run_until_complete(go_on())
        loop.close()
    """
    forked(code, where)


def test_forks_beside_threads_that_call_all_the_time(where: list[str]) -> None:
    code = """
        over, going = threading.Event(), threading.Semaphore(0)
        async def calls():
            async with vs.AsyncClient(url, token) as c, await c.attach(sandbox_id) as s:
                await fresh()
                going.release()
                while not over.is_set():
                    await asyncio.gather(*(s.exists("/") for _ in range(20)))
        def blocking():
            sandbox.run_command("true").output
            going.release()
            while not over.is_set():
                sandbox.exists("/")
        vs.forward_logs("DEBUG")
        threads = [threading.Thread(target=asyncio.run, args=(calls(),)) for _ in range(2)]
        threads += [threading.Thread(target=blocking) for _ in range(2)]
        for thread in threads:
            thread.start()
        # CPython's lock of a module that a thread imports at a fork stays held in the child.
        for _ in threads:
            going.acquire()

        def child():
            # Whatever the parent's threads held at that moment is held by nobody here.
            asyncio.run(fresh())
            with vs.Client(url, token) as c, c.attach(sandbox_id) as s:
                assert s.run_command("echo child").output == "child\\n"

        for _ in range(10):
            in_a_child(child)
        over.set()
        for thread in threads:
            thread.join()
    """
    forked(code, where)
