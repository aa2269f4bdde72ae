//! What every tree keeps to, and that no path leads out of a real one.

use std::io::ErrorKind;
use std::path::Path;

use host::{Files, Found, Host, Kind, MemoryHost, RealHost, Trees};

fn check(host: &dyn Host, root: &Path) {
    let tree = host.open_tree(root).expect("opened");
    let found = |kind, mode| Some(Found { kind, mode });
    tree.create_folder("src").expect("made");
    tree.write_new("src/a", b"one", 0o640, None).expect("written");
    tree.write_new("b", b"two", 0o755, Some("src/a"))
        .expect("written");
    assert_eq!(tree.look("src/a").expect("looked"), found(Kind::File, 0o640));
    assert_eq!(tree.look("b").expect("looked"), found(Kind::File, 0o755));
    assert_eq!(
        tree.look("src").expect("looked").expect("there").kind,
        Kind::Folder
    );
    assert_eq!(tree.look("none/a").expect("looked"), None);
    let kind = |result: host::Result<()>| result.expect_err("refused").kind();
    assert_eq!(
        kind(tree.write_new("b", b"", 0o644, None)),
        ErrorKind::AlreadyExists
    );
    assert_eq!(kind(tree.rename_new("b", "src/a")), ErrorKind::AlreadyExists);
    assert_eq!(
        kind(tree.remove_empty_folder("src")),
        ErrorKind::DirectoryNotEmpty
    );
    assert!(tree.exchange("b", "src/a").expect("exchanged"));
    assert_eq!(tree.read("b").expect("read"), b"one");
    assert_eq!(tree.look("src/a").expect("looked"), found(Kind::File, 0o755));
    tree.sync_folder("src").expect("durable");
    tree.sync_folder("").expect("durable");
    tree.rename_new("src/a", "c").expect("renamed");
    tree.rename_over("b", "c").expect("renamed");
    assert_eq!(tree.read("c").expect("read"), b"one");
    tree.remove_file("c").expect("removed");
    tree.remove_empty_folder("src").expect("removed");
    assert_eq!(host.list(root).expect("listed"), []);
    for path in ["../x", "a/../x", "/x", "a//x", "./x", "x/", "a\0"] {
        assert!(tree.look(path).is_err(), "{path:?} was taken");
        assert!(
            tree.write_new(path, b"", 0o644, None).is_err(),
            "{path:?} was written"
        );
    }
}

#[test]
fn in_memory() {
    let host = MemoryHost::new();
    host.create_folder(Path::new("/root")).expect("made");
    check(&host, Path::new("/root"));
}

#[cfg(unix)]
mod real {
    use super::*;

    #[test]
    fn behaves_as_in_memory() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        check(&RealHost::new(), folder.path());
    }

    #[test]
    fn no_link_leads_out_or_about() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().expect("a folder for the test");
        let (root, outside) = (folder.path().join("root"), folder.path().join("outside"));
        let host = RealHost::new();
        host.create_folder(&root.join("inside")).expect("made");
        host.create_folder(&outside).expect("made");
        host.write_atomic(&outside.join("secret"), b"secret")
            .expect("written");
        symlink(&outside, root.join("way")).expect("linked");
        symlink("inside", root.join("alias")).expect("linked");
        symlink(outside.join("secret"), root.join("file")).expect("linked");
        symlink("/proc/self/root", root.join("magic")).expect("linked");
        let tree = host.open_tree(&root).expect("opened");
        assert_eq!(
            tree.look("file").expect("looked").expect("there").kind,
            Kind::Other
        );
        assert!(tree.read("file").is_err());
        for path in ["way/secret", "alias/x", "magic/etc/passwd"] {
            assert!(tree.read(path).is_err(), "{path} was read");
            assert!(tree.look(path).is_err(), "{path} was looked at");
            assert!(
                tree.write_new(path, b"x", 0o644, None).is_err(),
                "{path} was written"
            );
            assert!(tree.sync_folder(path).is_err());
        }
        tree.write_new("new", b"new", 0o644, None).expect("written");
        tree.rename_over("new", "file")
            .expect("the link itself is replaced");
        assert_eq!(host.read(&outside.join("secret")).expect("read"), b"secret");
        assert_eq!(host.list(&outside).expect("listed").len(), 1);
        host.rename(&root, &folder.path().join("moved")).expect("renamed");
        symlink(&outside, &root).expect("linked");
        tree.write_new("pinned", b"x", 0o644, None)
            .expect("written where the folder is now");
        assert_eq!(host.list(&outside).expect("listed").len(), 1);
    }

    #[test]
    fn a_pipe_is_not_waited_for() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            folder.path().join("pipe"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from_raw_mode(0o600),
            0,
        )
        .expect("made");
        let tree = RealHost::new().open_tree(folder.path()).expect("opened");
        assert_eq!(
            tree.read("pipe").expect_err("refused").kind(),
            ErrorKind::InvalidInput
        );
    }

    #[test]
    fn extended_attributes_go_with_a_file() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let tree = RealHost::new().open_tree(folder.path()).expect("opened");
        tree.write_new("a", b"", 0o644, None).expect("written");
        let flags = rustix::fs::XattrFlags::empty();
        match rustix::fs::setxattr(folder.path().join("a"), "user.note", b"kept", flags) {
            // Not every file system has them; then there is nothing to keep.
            Err(rustix::io::Errno::NOTSUP) => return,
            set => set.expect("set"),
        }
        tree.write_new("b", b"", 0o644, Some("a")).expect("written");
        let mut value = [0; 16];
        let length =
            rustix::fs::getxattr(folder.path().join("b"), "user.note", &mut value[..]).expect("there");
        assert_eq!(&value[..length], b"kept");
    }
}
