//! The server's side of SOCKS5, as far as a proxy of tests needs it (RFC 1928 and RFC 1929).

use std::net::{Ipv4Addr, Ipv6Addr};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::TcpStream;

use crate::proxy::Shared;

const VERSION: u8 = 5;
const NO_USER: u8 = 0;
const PASSWORD: u8 = 2;
const NOTHING_SUITS: u8 = 0xff;
const CONNECT: u8 = 1;
const FORBIDDEN: u8 = 2;
const HOST_UNREACHABLE: u8 = 4;

/// Serves one client; `None` where it does not keep to the protocol, or is not let in.
pub(crate) async fn serve(mut client: TcpStream, shared: &Shared) -> Option<()> {
    greet(&mut client, shared).await?;
    let (host, port) = target(&mut client).await?;
    let reached = if shared.forbid {
        Err(FORBIDDEN)
    } else {
        shared.reach(&host, port).await.ok_or(HOST_UNREACHABLE)
    };
    let code = *reached.as_ref().err().unwrap_or(&0);
    client.write_all(&[VERSION, code, 0, 1, 0, 0, 0, 0, 0, 0]).await.ok()?;
    copy_bidirectional(&mut client, &mut reached.ok()?).await.ok().map(drop)
}

async fn greet(client: &mut TcpStream, shared: &Shared) -> Option<()> {
    let [_, count] = take(client).await?;
    let mut methods = vec![0; count.into()];
    client.read_exact(&mut methods).await.ok()?;
    let wanted = if shared.user.is_some() { PASSWORD } else { NO_USER };
    if !methods.contains(&wanted) {
        client.write_all(&[VERSION, NOTHING_SUITS]).await.ok()?;
        return None;
    }
    client.write_all(&[VERSION, wanted]).await.ok()?;
    let Some(user) = &shared.user else { return Some(()) };
    let [_] = take(client).await?;
    let shown = (text(client).await?, text(client).await?);
    let right = shown == *user;
    client.write_all(&[1, u8::from(!right)]).await.ok()?;
    right.then_some(())
}

async fn target(client: &mut TcpStream) -> Option<(String, u16)> {
    let [VERSION, CONNECT, _, kind] = take(client).await? else { return None };
    let host = match kind {
        1 => Ipv4Addr::from(take::<4>(client).await?).to_string(),
        3 => text(client).await?,
        4 => Ipv6Addr::from(take::<16>(client).await?).to_string(),
        _ => return None,
    };
    Some((host, client.read_u16().await.ok()?))
}

async fn take<const N: usize>(client: &mut TcpStream) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    client.read_exact(&mut bytes).await.ok()?;
    Some(bytes)
}

async fn text(client: &mut TcpStream) -> Option<String> {
    let mut bytes = vec![0; client.read_u8().await.ok()?.into()];
    client.read_exact(&mut bytes).await.ok()?;
    String::from_utf8(bytes).ok()
}
