//! An image in place of the host's tree.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{DataDir, config, modes, start};

/// A root with a shell, what it needs, and little else.
fn minimal() -> tempfile::TempDir {
    let image = tempfile::Builder::new().prefix("vtrix-image-").tempdir().unwrap();
    let put = |from: &Path, to: &str| {
        let to = image.path().join(to.trim_start_matches('/'));
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
    };
    for program in ["sh", "cat", "ls", "touch"] {
        let path = format!("/bin/{program}");
        put(&fs::canonicalize(&path).unwrap(), &path);
        let libraries = Command::new("ldd").arg(&path).output().unwrap();
        for word in String::from_utf8(libraries.stdout).unwrap().split_whitespace() {
            if word.starts_with('/') {
                put(Path::new(word), word);
            }
        }
    }
    fs::create_dir(image.path().join("app")).unwrap();
    fs::write(image.path().join("app/data"), "of the image").unwrap();
    fs::create_dir(image.path().join("root")).unwrap();
    fs::write(image.path().join("root/.profile"), "of the image's root").unwrap();
    let open: fs::Permissions = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(image.path(), open).unwrap();
    image
}

#[test]
fn a_minimal_image_works_and_is_never_written() {
    let image = minimal();
    for &mode in modes() {
        let data = DataDir::new(mode);
        let mut config = config(mode, &data);
        config.image = Some(image.path().to_owned());
        let sandbox = start(&config);
        assert_eq!(sandbox.ok("cat /app/data"), "of the image", "{mode}");
        assert_eq!(sandbox.ok("cat /root/.profile"), "of the image's root");
        assert_eq!(sandbox.ok("cat /etc/hostname"), "inside");
        assert!(sandbox.ok("cat /etc/passwd").contains("root:x:0:0:root:/root:"));
        sandbox.ok("test ! -e /usr/bin/perl && test ! -e /etc/ssl");
        sandbox
            .ok("echo kept > /root/kept && echo x > /etc/kept && touch /workspace/kept /var/kept");
        sandbox.stop();
        let again = start(&config);
        assert_eq!(
            again.ok("cat /root/kept /etc/kept; ls /workspace /var/kept"),
            "kept\nx\n/var/kept\n\n/workspace:\nkept"
        );
        drop(again);
        assert!(!image.path().join("root/kept").exists() && !image.path().join("etc").exists());
    }
}

#[test]
fn an_images_own_etc_counts() {
    let image = minimal();
    fs::create_dir(image.path().join("etc")).unwrap();
    fs::write(image.path().join("etc/passwd"), "root:x:0:0:image:/root:/bin/sh\n").unwrap();
    fs::write(image.path().join("etc/hosts"), "1.2.3.4 build-machine\n").unwrap();
    for &mode in modes() {
        let data = DataDir::new(mode);
        let mut config = config(mode, &data);
        config.image = Some(image.path().to_owned());
        let sandbox = start(&config);
        assert_eq!(sandbox.ok("cat /etc/passwd"), "root:x:0:0:image:/root:/bin/sh", "{mode}");
        assert!(!sandbox.ok("cat /etc/hosts").contains("build-machine"));
    }
}
