//! What one call costs this client in CPU, all of its threads counted: the yardstick for the
//! languages that dress it.
//!
//! It runs against a gateway and a sandbox that somebody else started and measures beside it, as
//! `bindings-python/bench` does. CPU is that of this process alone.

use futures_util::future::try_join_all;
use rustix::time::{ClockId, clock_gettime};
use vtrix_sandbox::{Client, Sandbox};

use crate::Fallible;
use crate::report::median;

/// Calls in one round, one after the other or all at once.
const CALLS: usize = 500;
const PATH: &str = "/etc/hostname";

/// Prints a line for each figure: its name, a tab, and microseconds a call.
pub(crate) async fn calls(url: &str, token: &str, sandbox_id: &str, rounds: usize) -> Fallible {
    let client = Client::builder().base_url(url).token(token).build()?;
    let sandbox = client.attach(sandbox_id).await?;
    let (mut alone, mut together) = (Vec::new(), Vec::new());
    // The first round of each warms up.
    for round in 0..=rounds {
        let begun = cpu();
        one_by_one(&sandbox).await?;
        let between = cpu();
        try_join_all((0..CALLS).map(|_| sandbox.exists(PATH))).await?;
        if round > 0 {
            #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
            let micros = |seconds: f64| seconds * 1e6 / CALLS as f64;
            alone.push(micros(between - begun));
            together.push(micros(cpu() - between));
        }
    }
    println!("stat, one at a time: CPU\t{}", median(&mut alone));
    println!("stat, {CALLS} at a time: CPU\t{}", median(&mut together));
    client.close();
    Ok(())
}

async fn one_by_one(sandbox: &Sandbox) -> Fallible {
    for _ in 0..CALLS {
        sandbox.exists(PATH).await?;
    }
    Ok(())
}

/// Seconds of CPU that this process has used.
fn cpu() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let (seconds, nanoseconds) = (time.tv_sec as f64, time.tv_nsec as f64);
    seconds + nanoseconds / 1e9
}
