//! Where the examples run: the gateway that `VTRIX_BASE_URL`, `VTRIX_TOKEN` and
//! `VTRIX_PROJECT_ID` name, or, where the first is not set, one inside this program.

use std::error::Error;

use vtrix_gateway::Gateway;
use vtrix_sandbox::Client;

/// A client, and the gateway that it talks to where that is part of this program. Both end with it.
#[derive(Debug)]
pub struct Service {
    /// Talks to the gateway.
    pub client: Client,
    gateway: Option<Gateway>,
}

/// Finds a gateway, or starts one, and says which.
pub async fn service() -> Result<Service, Box<dyn Error>> {
    if std::env::var_os("VTRIX_BASE_URL").is_some() {
        let client = Client::from_env()?;
        println!("Using the gateway at VTRIX_BASE_URL.");
        return Ok(Service { client, gateway: None });
    }
    let gateway = Gateway::builder().start().await?;
    println!("Started a gateway at {}; isolation: {}.", gateway.url(), gateway.mode());
    let client = Client::builder().base_url(gateway.url()).token(gateway.token()).build()?;
    Ok(Service { client, gateway: Some(gateway) })
}

impl Service {
    /// Closes the client and ends the gateway, if it is this program's own.
    pub async fn end(self) -> Result<(), Box<dyn Error>> {
        self.client.close();
        match self.gateway {
            Some(gateway) => Ok(gateway.shutdown().await?),
            None => Ok(()),
        }
    }
}

/// The README's snippets compile.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
