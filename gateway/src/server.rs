//! A gateway from its first descriptor to its last.

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;

use vtrix_executor::contract::Mode;

use crate::config::Config;
use crate::error::GatewayError;

/// What a running gateway tells.
#[derive(Clone)]
pub(crate) struct Facts {
    pub(crate) url: String,
    pub(crate) addr: SocketAddr,
    pub(crate) token: String,
    pub(crate) mode: Mode,
    pub(crate) data_dir: PathBuf,
}

pub(crate) struct Server;

impl Server {
    pub(crate) async fn open(_config: Config) -> Result<Self, GatewayError> {
        std::future::ready(Err(GatewayError::NoExecutor("not built yet".into()))).await
    }
    pub(crate) fn facts(&self) -> Facts {
        unreachable!()
    }
    pub(crate) async fn serve(self, stop: impl Future<Output = ()>) -> Result<(), GatewayError> {
        stop.await;
        self.finish().await
    }
    pub(crate) async fn finish(self) -> Result<(), GatewayError> {
        std::future::ready(Ok(())).await
    }
}
