//! Files of any size, both ways, on both wires: whole or not there, and nothing beside them.

mod transfer_support;

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use futures_util::future::join_all;
use transfer_support::{MIB, both_wires, content, names, same, settled};
use vtrix_harness::{FaultProxy, Faults, Harness, until};
use vtrix_sandbox::{ErrorKind, WriteFile};

#[tokio::test(flavor = "multi_thread")]
async fn every_size_goes_both_ways_whole() {
    both_wires(async |_, sandbox| {
        let local = tempfile::tempdir().unwrap();
        let (there, back) = (local.path().join("there"), local.path().join("back"));
        // Around the largest single message, one part, and ten of them; none a round number.
        let sizes = [0, 1, 2 * MIB - 1, 2 * MIB, 2 * MIB + 1, 3 * MIB, 13 * MIB + 4_321];
        for size in sizes {
            fs::write(&there, content(size)).unwrap();
            sandbox.upload_file(&there, "dir/file").await.unwrap();
            assert_eq!(names(sandbox, "dir").await, ["file"]);
            let saved = sandbox.download_file("dir/file", &back).await.unwrap();
            assert_eq!(saved.as_deref(), Some(back.as_path()));
            assert!(same(&there, &back), "{size} bytes");
        }
        assert_eq!(fs::read_dir(local.path()).unwrap().count(), 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_upload_keeps_modes_and_links() {
    both_wires(async |_, sandbox| {
        let local = tempfile::NamedTempFile::new().unwrap();
        fs::write(local.path(), content(3 * MIB)).unwrap();
        sandbox.run("echo old > real; chmod 640 real; ln -s real link").await.unwrap();
        sandbox.upload_file(local.path(), "link").await.unwrap();
        let seen = "test -L link && stat -c '%a %s' real; stat -c %a new 2>/dev/null; ls -A";
        assert_eq!(
            sandbox.run(seen).await.unwrap().output_text(),
            format!("640 {}\nlink\nreal\n", 3 * MIB)
        );
        sandbox.upload_file(local.path(), "real").mode(0o711).await.unwrap();
        sandbox.upload_file(local.path(), "new").await.unwrap();
        assert_eq!(sandbox.run("stat -c %a real new").await.unwrap().output_text(), "711\n644\n");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_upload_leaves_a_file_to_its_owner_as_a_small_one_does() {
    both_wires(async |_, sandbox| {
        let seen = "stat -c '%a %u:%g' file; ls -A";
        for size in [1, 3 * MIB] {
            let local = tempfile::NamedTempFile::new().unwrap();
            fs::write(local.path(), content(size)).unwrap();
            let prepare = "rm -f file; touch file && chown 33:44 file && chmod 4640 file";
            assert!(sandbox.run(prepare).await.unwrap().success());
            sandbox.upload_file(local.path(), "file").await.unwrap();
            let now = sandbox.run(seen).await.unwrap();
            assert_eq!(now.output_text(), "4640 33:44\nfile\n", "{size} bytes");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_without_additions_goes_as_numbered_parts() {
    let harness = Harness::shared_on(true).await;
    let proxy = Arc::new(FaultProxy::start(harness.addr(), Faults::default()).await);
    let sandbox = harness.sandbox_of(&harness.client_at(&proxy.url())).await;
    let looker = harness.client().attach(sandbox.id()).await.unwrap();
    let local = tempfile::NamedTempFile::new().unwrap();
    fs::write(local.path(), content(24 * MIB)).unwrap();
    // Held back once some parts have arrived, so that they can be looked at.
    let arrived = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&arrived);
    let holder = Arc::clone(&proxy);
    let held = AtomicBool::new(false);
    let upload = sandbox.upload_file(local.path(), "file").progress(move |progress| {
        if progress.transferred >= 6 * MIB as u64 && !held.swap(true, Ordering::Relaxed) {
            holder.stall(true);
        }
        seen.store(progress.transferred, Ordering::Relaxed);
    });
    let upload = tokio::spawn(upload.into_future());
    until("some parts have arrived", async || arrived.load(Ordering::Relaxed) >= 6 * MIB as u64)
        .await;
    let mode = looker.run("stat -c %a .vtrix-*").await.unwrap();
    assert_eq!(mode.output_text(), "700\n", "what is not whole yet is nobody else's");
    let parts = looker.run("cd .vtrix-* && ls").await.unwrap();
    let parts = parts.output_text().into_owned();
    assert!(parts.starts_with("p000000000000\np000000000001\n"), "{parts}");
    assert!(parts.ends_with("whole\n"), "{parts}");
    proxy.stall(false);
    upload.await.unwrap().unwrap();
    assert_eq!(names(&looker, ".").await, ["file"]);
    assert_eq!(looker.stat("file").await.unwrap().size, 24 * MIB as u64);
    looker.delete().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_upload_leaves_the_old_file_and_nothing_else() {
    both_wires(async |_, sandbox| {
        let local = tempfile::NamedTempFile::new().unwrap();
        fs::write(local.path(), content(9 * MIB)).unwrap();
        sandbox.write("dir/file", "old").await.unwrap();
        // Dropped when so many bytes have arrived; 0 is before anything is sent.
        for enough in [0, 1, 4 * MIB as u64, 9 * MIB as u64] {
            let (told, mut heard) = tokio::sync::watch::channel(0);
            let upload = sandbox.upload_file(local.path(), "dir/file").progress(move |progress| {
                told.send_replace(progress.transferred);
            });
            tokio::select! {
                biased;
                _ = heard.wait_for(|bytes| *bytes >= enough) => {}
                outcome = upload => panic!("{outcome:?}"),
            }
            until("it is removed", async || names(sandbox, "dir").await == ["file"]).await;
            assert_eq!(sandbox.read("dir/file").await.unwrap().text(), Some("old"));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_progress_callback_that_fails_ends_a_transfer_and_cleans_up_first() {
    both_wires(async |_, sandbox| {
        let local = tempfile::tempdir().unwrap();
        let path = local.path().join("file");
        fs::write(&path, content(5 * MIB)).unwrap();
        let upload = sandbox
            .upload_file(&path, "dir/file")
            .progress(|p| if p.transferred > 3 * MIB as u64 { Err("enough") } else { Ok(()) });
        assert_eq!(upload.await.unwrap_err().kind(), ErrorKind::Callback);
        // Not in the background: a program may end right after.
        assert!(names(sandbox, "dir").await.is_empty());

        sandbox.upload_file(&path, "file").await.unwrap();
        fs::remove_file(&path).unwrap();
        let download = sandbox
            .download_file("file", &path)
            .progress(|p| if p.transferred > 3 * MIB as u64 { Err("enough") } else { Ok(()) });
        assert_eq!(download.await.unwrap_err().kind(), ErrorKind::Callback);
        assert_eq!(fs::read_dir(local.path()).unwrap().count(), 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_confirms_a_download_may_object_when_all_is_there() {
    both_wires(async |_, sandbox| {
        let local = tempfile::tempdir().unwrap();
        let path = local.path().join("file");
        fs::write(&path, "old").unwrap();
        sandbox.run("head -c 300000 /dev/zero > file").await.unwrap();
        for objection in [true, false] {
            let (told, heard) = tokio::sync::watch::channel(None);
            let progress = move |progress: &vtrix_sandbox::Progress| {
                told.send_replace((progress.total == Some(progress.transferred)).then_some(()));
            };
            let directory = local.path().to_owned();
            let confirm = async move {
                assert_eq!(*heard.borrow(), Some(()), "it comes after the last figures");
                assert_eq!(fs::read_dir(directory).unwrap().count(), 2, "and before the end");
                if objection { Err("no") } else { Ok(()) }
            };
            let done =
                sandbox.download_file("file", &path).progress(progress).confirm(confirm).await;
            assert_eq!(fs::read_dir(local.path()).unwrap().count(), 1);
            if objection {
                assert_eq!(done.unwrap_err().kind(), ErrorKind::Callback);
                assert_eq!(fs::read(&path).unwrap(), b"old");
            } else {
                assert_eq!(done.unwrap(), Some(path.clone()));
                assert_eq!(fs::metadata(&path).unwrap().len(), 300_000);
            }
        }
        let asked = async { panic!("there is nothing to confirm") };
        let none = sandbox.download_file("no-such", &path).confirm::<()>(asked).await;
        assert_eq!(none.unwrap(), None);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_download_leaves_the_old_file_and_nothing_else() {
    both_wires(async |_, sandbox| {
        sandbox.run("head -c 9000000 /dev/zero > file").await.unwrap();
        let local = tempfile::tempdir().unwrap();
        let path = local.path().join("file");
        fs::write(&path, "old").unwrap();
        // Always with more to come than a stream's buffer holds: what is there may come at once.
        for enough in [0, 1, 5_000_000] {
            let (told, mut heard) = tokio::sync::watch::channel(0);
            let download = sandbox.download_file("file", &path).progress(move |progress| {
                told.send_replace(progress.transferred);
            });
            tokio::select! {
                biased;
                _ = heard.wait_for(|bytes| *bytes >= enough) => {}
                outcome = download => panic!("{outcome:?}"),
            }
            assert_eq!(fs::read_dir(local.path()).unwrap().count(), 1);
            assert_eq!(fs::read(&path).unwrap(), b"old");
        }
        // The handle is as good as before.
        settled(sandbox).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_connection_leaves_the_old_files_and_nothing_else() {
    for plain in [false, true] {
        let harness = Harness::shared_on(plain).await;
        let proxy = Arc::new(FaultProxy::start(harness.addr(), Faults::default()).await);
        let sandbox = harness.sandbox_of(&harness.client_at(&proxy.url())).await;
        let local = tempfile::tempdir().unwrap();
        let path = local.path().join("file");
        fs::write(&path, content(9 * MIB)).unwrap();
        let cut = |proxy: &Arc<FaultProxy>| {
            let proxy = Arc::clone(proxy);
            move |progress: &vtrix_sandbox::Progress| {
                if progress.transferred > 4 * MIB as u64 {
                    proxy.cut();
                }
            }
        };
        sandbox.write("dir/file", "old").await.unwrap();
        let error = sandbox.upload_file(&path, "dir/file").progress(cut(&proxy)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionLost, "{error}");
        until("it is removed", async || names(&sandbox, "dir").await == ["file"]).await;
        assert_eq!(sandbox.read("dir/file").await.unwrap().text(), Some("old"));

        // More than lies in buffers on the way when the cut comes.
        sandbox.run("truncate -s 64M large").await.unwrap();
        fs::write(&path, "old").unwrap();
        let error = sandbox.download_file("large", &path).progress(cut(&proxy)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionLost, "{error}");
        assert_eq!(fs::read_dir(local.path()).unwrap().count(), 1);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        sandbox.delete().await.unwrap();
    }
}

/// An upload that is given up while the gateway answers nothing leaves nothing once it does again,
/// whether its connection lived through that or not.
#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_given_up_at_a_stuck_gateway_leaves_nothing() {
    for (plain, lost) in [(false, false), (true, false), (false, true)] {
        let harness = Harness::shared_on(plain).await;
        let proxy = Arc::new(FaultProxy::start(harness.addr(), Faults::default()).await);
        let sandbox = harness.sandbox_of(&harness.client_at(&proxy.url())).await;
        let beside = harness.client().attach(sandbox.id()).await.unwrap();
        let local = tempfile::NamedTempFile::new().unwrap();
        fs::write(local.path(), content(9 * MIB)).unwrap();
        let (stuck, mut told) = tokio::sync::watch::channel(false);
        let holder = Arc::clone(&proxy);
        let upload = sandbox.upload_file(local.path(), "dir/file").progress(move |progress| {
            if progress.transferred > 4 * MIB as u64 {
                holder.stall(true);
                stuck.send_replace(true);
            }
        });
        let upload = tokio::spawn(upload.into_future());
        told.wait_for(|stuck| *stuck).await.unwrap();
        upload.abort();
        assert!(upload.await.unwrap_err().is_cancelled());
        assert_eq!(names(&beside, "dir").await.len(), 1, "the directory of its parts");
        if lost {
            proxy.cut();
        }
        proxy.stall(false);
        until("it is removed", async || names(&beside, "dir").await.is_empty()).await;
        beside.delete().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_large_files_at_once() {
    both_wires(async |_, sandbox| {
        let local = tempfile::tempdir().unwrap();
        let path = |n: usize| local.path().join(format!("up-{n}"));
        for n in 0..8 {
            fs::write(path(n), content(3 * MIB + n)).unwrap();
        }
        let uploads = (0..8).map(|n| sandbox.upload_file(path(n), format!("up/{n}")).into_future());
        for outcome in join_all(uploads).await {
            outcome.unwrap();
        }
        let written = (8..20).map(|n| WriteFile::new(format!("up/{n}"), content(3 * MIB + n)));
        sandbox.write_files(written).await.unwrap();
        assert_eq!(names(sandbox, "up").await.len(), 20);

        let files = (0..20).map(|n| (format!("up/{n}"), local.path().join(format!("down/{n}"))));
        let saved = sandbox.download_files(files).mkdir_recursive(true).await.unwrap();
        assert_eq!(saved.len(), 20);
        for n in 0..20 {
            let down = fs::read(local.path().join(format!("down/{n}"))).unwrap();
            assert!(down == content(3 * MIB + n), "{n}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_lacks_a_program_is_told_before_anything_is_sent() {
    let shell_only = vtrix_harness::image(&["sh"]);
    let no_mv = vtrix_harness::image(&["sh", "cat", "chmod", "mkdir", "rm", "wc"]);
    for plain in [false, true] {
        let harness = Harness::builder()
            .plain_wire(plain)
            .image("shell-only", shell_only.path())
            .image("no-mv", no_mv.path())
            .start()
            .await;
        let local = tempfile::NamedTempFile::new().unwrap();
        fs::write(local.path(), content(3 * MIB)).unwrap();
        for (image, lacking) in [("shell-only", "`cat`"), ("no-mv", "`mv`")] {
            let spec = vtrix_sandbox::Spec::new().image(image);
            let options = vtrix_sandbox::CreateOptions::new("user").spec(spec);
            let sandbox = harness.client().create(options).await.unwrap();
            let error = sandbox.upload_file(local.path(), "file").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::CommandNotStarted, "{error}");
            assert!(error.message().contains(lacking), "{error}");
            assert!(names(&sandbox, ".").await.is_empty());
            // What fits into one message needs none of them.
            sandbox.write_files([WriteFile::new("small", content(2 * MIB))]).await.unwrap();
            assert_eq!(names(&sandbox, ".").await, ["small"]);
            let outcome = sandbox.mkdir("directory").await;
            if image == "shell-only" {
                assert_eq!(outcome.unwrap_err().kind(), ErrorKind::CommandNotStarted);
            } else {
                outcome.unwrap();
            }
        }
        assert_eq!(harness.end().await, Vec::<String>::new());
    }
}
