//! Sockets of others: of another sandbox, and of the host. Each address is tried from a sandbox by
//! this very test program, shown there, and once from beside the listener, where it must answer.

use std::env;
use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use std::thread;

use vtrix_executor::contract::{Mode, Part};

use crate::probe::with_probe_and;
use crate::support::{PATIENCE, Sandbox, modes};

/// Addresses that the program is to listen on, or to try.
const LISTEN: &str = "VTRIX_LISTEN";
const REACH: &str = "VTRIX_REACH";
const MARK: &str = "reach: ";

/// The ways in: a kind of socket and its address, the loopback's by its port.
fn addresses(port: u16, name: &str) -> String {
    format!(
        "tcp=127.0.0.1:{port},tcp=[::1]:{port},udp=127.0.0.1:{port},udp=[::1]:{port},\
         abstract={name},abstract-datagram={name}-datagram"
    )
}

fn abstract_name(name: &str) -> SocketAddr {
    SocketAddr::from_abstract_name(name).unwrap()
}

/// Answers at every address, in threads of their own, until this program ends.
fn listen(addresses: &str) {
    for address in addresses.split(',') {
        let (kind, address) = address.split_once('=').unwrap();
        let name = || abstract_name(address);
        match kind {
            "tcp" => {
                let listener = TcpListener::bind(address).unwrap();
                thread::spawn(move || {
                    listener.incoming().flatten().for_each(|mut one| drop(one.write(b"x")));
                });
            }
            "udp" => {
                let socket = UdpSocket::bind(address).unwrap();
                thread::spawn(move || {
                    while let Ok((_, from)) = socket.recv_from(&mut [0]) {
                        let _ = socket.send_to(b"x", from);
                    }
                });
            }
            "abstract" => {
                let listener = UnixListener::bind_addr(&name()).unwrap();
                thread::spawn(move || {
                    listener.incoming().flatten().for_each(|mut one| drop(one.write(b"x")));
                });
            }
            "abstract-datagram" => {
                let socket = UnixDatagram::bind_addr(&name()).unwrap();
                thread::spawn(move || while socket.recv(&mut [0]).is_ok() {});
            }
            other => panic!("{other}"),
        }
    }
}

/// Gets a byte from whoever answers there, or hands one over where nobody answers.
fn reach(kind: &str, address: &str) -> io::Result<()> {
    match kind {
        "tcp" => {
            let mut stream = TcpStream::connect(address)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.read_exact(&mut [0])
        }
        "udp" => {
            let local = if address.starts_with('[') { "[::1]:0" } else { "127.0.0.1:0" };
            let socket = UdpSocket::bind(local)?;
            socket.set_read_timeout(Some(PATIENCE))?;
            socket.connect(address)?;
            socket.send(b"x")?;
            // A port that nobody has is told back on the loopback.
            socket.recv(&mut [0]).map(drop)
        }
        "abstract" => {
            let mut stream = UnixStream::connect_addr(&abstract_name(address))?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.read_exact(&mut [0])
        }
        _ => UnixDatagram::unbound()?.send_to_addr(b"x", &abstract_name(address)).map(drop),
    }
}

/// Does what the variables ask for, inside; nothing among the other tests.
#[test]
fn inside() {
    if let Ok(addresses) = env::var(LISTEN) {
        listen(&addresses);
        println!("\n{MARK}up");
        loop {
            thread::park();
        }
    }
    for address in env::var(REACH).iter().flat_map(|addresses| addresses.split(',')) {
        let (kind, place) = address.split_once('=').unwrap();
        let outcome = match reach(kind, place) {
            Ok(()) => "answered".to_owned(),
            Err(error) => format!("{:?}", error.kind()),
        };
        println!("\n{MARK}{address} {outcome}");
    }
}

/// What came of each address, tried inside.
fn outcomes(sandbox: &Sandbox, program: &str, addresses: &str) -> Vec<(String, String)> {
    let output =
        sandbox.ok(&format!("{REACH}={addresses} {program} --exact reach::inside --nocapture"));
    let lines = output.lines().filter_map(|line| line.strip_prefix(MARK)?.split_once(' '));
    let outcomes: Vec<_> = lines.map(|(at, outcome)| (at.to_owned(), outcome.to_owned())).collect();
    assert_eq!(outcomes.len(), addresses.split(',').count(), "{output}");
    outcomes
}

fn assert_all(outcomes: &[(String, String)], expected: &str, mode: Mode) {
    for (address, outcome) in outcomes {
        assert_eq!(outcome, expected, "{mode}: {address}");
    }
}

#[test]
fn what_listens_in_another_sandbox_is_out_of_reach() {
    // In a network of its own, any port is free.
    let addresses = addresses(4_321, "of-another-sandbox");
    for &mode in modes() {
        let named =
            |name: &str| with_probe_and(mode, |config| name.clone_into(&mut config.hostname));
        let (first, program, _a) = named("first-of-two");
        let (second, other_program, _b) = named("second-of-two");
        first.ok(&format!(
            "mkfifo /tmp/up && {{ {LISTEN}={addresses} {program} --exact reach::inside --nocapture \
             >/tmp/up 2>/dev/null </dev/null & }} && grep -m 1 '{MARK}up' /tmp/up"
        ));
        assert_all(&outcomes(&second, &other_program, &addresses), "ConnectionRefused", mode);
        assert_all(&outcomes(&first, &program, &addresses), "answered", mode);
        // Nor is its name known.
        let tell = "hostname; uname -n; cat /etc/hostname /proc/sys/kernel/hostname";
        assert_eq!(second.ok(tell), ["second-of-two"; 4].join("\n"), "{mode}");
        second.fails("grep -rs first-of-two /etc/hosts /etc/hostname /proc/sys/kernel");
        second.fails("getent hosts first-of-two");
    }
}

#[test]
fn what_listens_on_the_host_is_out_of_reach() {
    let (mut ports, mut tries) = (None, 0);
    while ports.is_none() {
        // One that is free for both families and both kinds, as the sandboxes' is.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let free = TcpListener::bind(("::1", port)).is_ok()
            && UdpSocket::bind(("127.0.0.1", port)).is_ok()
            && UdpSocket::bind(("::1", port)).is_ok();
        ports = free.then_some(port);
        tries += 1;
        assert!(tries < 100, "no port is free");
    }
    let name = format!("vtrix-of-the-host-{}", std::process::id());
    let addresses = addresses(ports.unwrap(), &name);
    listen(&addresses);
    for address in addresses.split(',') {
        let (kind, place) = address.split_once('=').unwrap();
        reach(kind, place).unwrap();
    }
    for &mode in modes() {
        for without in [&[][..], &[Part::Proc]] {
            let (sandbox, program, _data) = with_probe_and(mode, |config| {
                config.without = without.iter().copied().collect();
            });
            assert_all(&outcomes(&sandbox, &program, &addresses), "ConnectionRefused", mode);
        }
    }
}
