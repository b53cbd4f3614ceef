//! Peaks of memory: of this process, and of the others that take part.

use std::path::PathBuf;

use vtrix_harness::Host;

use crate::Fallible;
use crate::service::Service;

/// One process's memory from the beginning of something.
pub(crate) struct Memory {
    process: PathBuf,
    before: u64,
}

impl Memory {
    /// Of this process.
    pub(crate) fn begin() -> Fallible<Self> {
        Self::of(std::process::id())
    }

    /// Of any process, for which this one must be root.
    pub(crate) fn of(pid: u32) -> Fallible<Self> {
        let process = PathBuf::from(format!("/proc/{pid}"));
        // 5 makes the present size the peak (proc(5)).
        std::fs::write(process.join("clear_refs"), "5")?;
        let mut memory = Self { process, before: 0 };
        memory.before = memory.kibibytes("VmRSS:")?;
        Ok(memory)
    }

    /// How far the peak rose, in MiB.
    #[expect(clippy::cast_precision_loss, reason = "kibibytes of a process")]
    pub(crate) fn growth(&self) -> Fallible<f64> {
        Ok(self.kibibytes("VmHWM:")?.saturating_sub(self.before) as f64 / 1024.0)
    }

    /// The peak itself, in MiB.
    #[expect(clippy::cast_precision_loss, reason = "kibibytes of a process")]
    pub(crate) fn peak(&self) -> Fallible<f64> {
        Ok(self.kibibytes("VmHWM:")? as f64 / 1024.0)
    }

    /// The size at the beginning, in KiB.
    #[expect(clippy::cast_precision_loss, reason = "kibibytes of a process")]
    pub(crate) fn size(&self) -> f64 {
        self.before as f64
    }

    fn kibibytes(&self, field: &str) -> Fallible<u64> {
        let status = std::fs::read_to_string(self.process.join("status"))?;
        let line = status.lines().find(|line| line.starts_with(field)).ok_or("no such field")?;
        Ok(line.split_whitespace().nth(1).ok_or("no number")?.parse()?)
    }
}

/// Client, gateway and executor, while one sandbox is there.
pub(crate) struct Everyone([(&'static str, Memory); 3]);

impl Everyone {
    pub(crate) fn begin(service: &Service) -> Fallible<Self> {
        Ok(Self([
            ("client", Memory::begin()?),
            ("gateway", Memory::of(service.gateway_pid()?)?),
            ("executor", Memory::of(executor(service)?)?),
        ]))
    }

    /// Each one's name and peak, in MiB.
    pub(crate) fn peaks(&self) -> Fallible<Vec<(&'static str, f64)>> {
        self.0.iter().map(|(who, memory)| Ok((*who, memory.peak()?))).collect()
    }
}

/// The process of the gateway's sandboxes that is PID 1 inside.
fn executor(service: &Service) -> Fallible<u32> {
    let first_inside = |pid: &u32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with("NSpid:")).unwrap_or_default();
        // Outside, there is one number, and it is not 1.
        line.split_whitespace().next_back() == Some("1")
    };
    let processes = Host::of(&service.data_dir).processes();
    processes.into_iter().find(first_inside).ok_or_else(|| "no executor".into())
}
