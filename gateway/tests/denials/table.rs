//! The denials: what each forbids, and what is to come of it for root and for an ordinary user.

use libc::{ENOSYS, EPERM, c_int, c_long};

use crate::check;
use crate::simulator::{Denial, Mounts, Refused, Who};
use Expected::{Runs, Says};

/// What is to come of it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Expected {
    /// A mode, and the parts that its sandboxes go without.
    Runs(&'static str, &'static [&'static str]),
    /// No sandbox: words of the line that says what to do.
    Says(&'static str),
}

const NAMESPACES: u64 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET) as u64;

/// The filters look at single bits, and of the families in use this number alone has this one.
const NETLINK: u64 = libc::AF_NETLINK as u64;

const fn refused(call: c_long, errno: c_int) -> Refused {
    Refused { call, errno, with: None }
}

const fn with(call: c_long, errno: c_int, bits: u64) -> Refused {
    Refused { call, errno, with: Some((0, bits)) }
}

const NOTHING: Denial = Denial {
    calls: &[],
    calls_of_users: &[],
    mounts: &[],
    few_capabilities: false,
    no_new_privileges: false,
    last_user_namespace: false,
};

const fn calls(calls: &'static [Refused]) -> Denial {
    Denial { calls, ..NOTHING }
}

const fn mounts(mounts: &'static [Mounts]) -> Denial {
    Denial { mounts, ..NOTHING }
}

/// What Docker puts over `/proc` and `/sys`.
const DOCKER_MOUNTS: &[Mounts] = &[
    Mounts::Masked("/proc/acpi"),
    Mounts::Masked("/proc/kcore"),
    Mounts::Masked("/proc/keys"),
    Mounts::Masked("/proc/timer_list"),
    Mounts::Masked("/sys/firmware"),
    Mounts::ReadOnly("/proc/bus"),
    Mounts::ReadOnly("/proc/fs"),
    Mounts::ReadOnly("/proc/irq"),
    Mounts::ReadOnly("/proc/sys"),
];

/// Of Docker's default filter, what concerns a sandbox.
const DOCKER_CALLS: &[Refused] = &[
    refused(libc::SYS_clone3, ENOSYS),
    with(libc::SYS_clone, EPERM, NAMESPACES),
    refused(libc::SYS_unshare, EPERM),
    refused(libc::SYS_setns, EPERM),
    refused(libc::SYS_mount, EPERM),
    refused(libc::SYS_umount2, EPERM),
    refused(libc::SYS_pivot_root, EPERM),
    refused(libc::SYS_open_tree, EPERM),
    refused(libc::SYS_move_mount, EPERM),
    refused(libc::SYS_fsopen, EPERM),
    refused(libc::SYS_fsconfig, EPERM),
    refused(libc::SYS_fsmount, EPERM),
    refused(libc::SYS_mount_setattr, EPERM),
    refused(libc::SYS_keyctl, EPERM),
];

/// What needs a capability, past making the user namespace that would give it.
const CALLS_WITH_RIGHTS: &[Refused] = &[
    with(libc::SYS_unshare, EPERM, NAMESPACES & !(libc::CLONE_NEWUSER as u64)),
    refused(libc::SYS_setns, EPERM),
    refused(libc::SYS_mount, EPERM),
    refused(libc::SYS_umount2, EPERM),
    refused(libc::SYS_pivot_root, EPERM),
    refused(libc::SYS_chroot, EPERM),
    refused(libc::SYS_move_mount, EPERM),
    refused(libc::SYS_fsopen, EPERM),
    refused(libc::SYS_fsmount, EPERM),
    refused(libc::SYS_mount_setattr, EPERM),
    refused(libc::SYS_sethostname, EPERM),
];

/// Each is one test: a name, what is forbidden, and what comes of it.
macro_rules! denials {
    ($($name:ident: $denial:expr, root $root:expr, user $user:expr;)*) => {$(
        #[tokio::test]
        async fn $name() {
            const DENIAL: Denial = $denial;
            let is_root = rustix::process::geteuid().is_root();
            if is_root {
                check(stringify!($name), DENIAL, Who::Root, $root).await;
            }
            if is_root {
                check(stringify!($name), DENIAL, Who::User, $user).await;
            } else if DENIAL.mounts.is_empty() && !DENIAL.last_user_namespace {
                // A filter of one's own comes with no_new_privs, and nobody lends ids.
                let expected = match $user {
                    Runs("user-range", without) => Runs("user", without),
                    other => other,
                };
                check(stringify!($name), DENIAL, Who::User, expected).await;
            }
        }
    )*};
}

denials! {
    nothing_forbidden: NOTHING, root Runs("root-userns", &[]), user Runs("user-range", &[]);

    clone3_absent: calls(&[refused(libc::SYS_clone3, ENOSYS)]),
        root Runs("root-userns", &[]), user Runs("user-range", &[]);
    clone3_refused: calls(&[refused(libc::SYS_clone3, EPERM)]),
        root Says("allows clone3"), user Says("allows clone3");
    clone_with_namespaces_refused: calls(&[
            refused(libc::SYS_clone3, ENOSYS),
            with(libc::SYS_clone, EPERM, NAMESPACES),
        ]),
        root Says("seccomp profile"), user Says("seccomp profile");
    user_namespaces_refused: calls(&[
            refused(libc::SYS_clone3, ENOSYS),
            with(libc::SYS_clone, EPERM, libc::CLONE_NEWUSER as u64),
            with(libc::SYS_unshare, EPERM, libc::CLONE_NEWUSER as u64),
        ]),
        root Runs("root", &[]), user Says("kernel.unprivileged_userns_clone");
    // As AppArmor does on Ubuntu, where anybody may make a user namespace and has no right in it.
    no_rights_in_user_namespaces: Denial { calls_of_users: CALLS_WITH_RIGHTS, ..NOTHING },
        root Runs("root-userns", &[]),
        user Says("kernel.apparmor_restrict_unprivileged_userns=0");
    unshare_refused: calls(&[refused(libc::SYS_unshare, EPERM)]),
        root Says("unshare"), user Says("unshare");
    network_namespaces_refused: calls(&[
            refused(libc::SYS_clone3, ENOSYS),
            with(libc::SYS_clone, EPERM, libc::CLONE_NEWNET as u64),
            with(libc::SYS_unshare, EPERM, libc::CLONE_NEWNET as u64),
        ]),
        root Says("unshare"), user Says("unshare");
    mount_refused: calls(&[refused(libc::SYS_mount, EPERM), refused(libc::SYS_umount2, EPERM)]),
        root Says("seccomp profile"), user Says("seccomp profile");
    new_mount_calls_absent: calls(&[
            refused(libc::SYS_fsopen, ENOSYS),
            refused(libc::SYS_fsconfig, ENOSYS),
            refused(libc::SYS_fsmount, ENOSYS),
            refused(libc::SYS_move_mount, ENOSYS),
        ]),
        root Says("filter of system calls"), user Says("filter of system calls");
    open_tree_refused: calls(&[refused(libc::SYS_open_tree, EPERM)]),
        root Says("filter of system calls"), user Says("filter of system calls");
    mount_setattr_absent: calls(&[refused(libc::SYS_mount_setattr, ENOSYS)]),
        root Says("filter of system calls"), user Says("filter of system calls");
    pivot_root_refused: calls(&[refused(libc::SYS_pivot_root, EPERM)]),
        root Says("filter of system calls"), user Says("filter of system calls");
    netlink_refused: calls(&[with(libc::SYS_socket, EPERM, NETLINK)]),
        root Runs("root-userns", &[]), user Runs("user-range", &[]);
    keyrings_refused: calls(&[refused(libc::SYS_keyctl, EPERM)]),
        root Runs("root-userns", &[]), user Runs("user-range", &[]);
    memory_files_refused: calls(&[refused(libc::SYS_memfd_create, EPERM)]),
        root Runs("root-userns", &[]), user Runs("user-range", &[]);

    new_privileges_refused: Denial { no_new_privileges: true, ..NOTHING },
        root Runs("root-userns", &[]), user Runs("user", &[]);
    no_further_user_namespace: Denial { last_user_namespace: true, ..NOTHING },
        root Runs("root", &[]), user Says("user.max_user_namespaces");

    masked_proc: mounts(&[Mounts::Masked("/proc/kcore"), Mounts::Masked("/proc/keys")]),
        root Runs("root-userns", &["proc"]), user Runs("user-range", &["proc"]);
    masked_proc_and_sys: mounts(DOCKER_MOUNTS),
        root Runs("root-userns", &["proc", "sys"]), user Runs("user-range", &["proc", "sys"]);
    control_groups_absent: mounts(&[Mounts::Empty("/sys/fs/cgroup")]),
        root Runs("root-userns", &[]), user Runs("user-range", &[]);
    overlay_refused: mounts(&[Mounts::DataOnOverlay]),
        root Runs("root-userns", &["overlay"]), user Runs("user-range", &["overlay"]);
    mounts_below_usr: mounts(&[Mounts::Empty("/usr/share/man")]),
        root Runs("root-userns", &[]), user Runs("user-range", &["overlay"]);
    everything_read_only: mounts(&[Mounts::AllReadOnly]),
        root Says("--data-dir"), user Says("--data-dir");
    only_memory_writable: mounts(&[Mounts::AllReadOnly, Mounts::DataInMemory]),
        root Runs("root-userns", &[]), user Runs("user-range", &[]);

    docker_as_it_comes: Denial {
            calls: DOCKER_CALLS,
            mounts: DOCKER_MOUNTS,
            few_capabilities: true,
            ..NOTHING
        },
        root Says("--security-opt seccomp=unconfined"), user Says("--security-opt seccomp=unconfined");
    docker_without_a_filter: Denial { mounts: DOCKER_MOUNTS, few_capabilities: true, ..NOTHING },
        root Runs("user", &["proc", "sys"]), user Runs("user", &["proc", "sys"]);
}
