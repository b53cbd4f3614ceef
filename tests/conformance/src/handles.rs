//! The live things that a scenario has names for: clients, sandboxes, commands, streams, tasks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinHandle;
use vtrix_sandbox::{Client, Command, ExecStream, FileStream, LogStream, Sandbox};

use crate::operations::{Failure, Gives};

/// A live thing. Clones are the same thing.
#[derive(Clone)]
pub(crate) enum Handle {
    Client(Client),
    Sandbox(Sandbox),
    Command(Command),
    Stream(Arc<tokio::sync::Mutex<Option<OpenStream>>>),
    Task(Arc<tokio::sync::Mutex<Option<Task>>>),
}

/// A step that goes on in the background.
pub(crate) type Task = JoinHandle<Result<Gives, Failure>>;

/// A stream that is read step by step.
pub(crate) enum OpenStream {
    Exec(ExecStream),
    Logs(LogStream),
    File(FileStream),
}

impl Handle {
    pub(crate) fn stream(stream: OpenStream) -> Self {
        Self::Stream(Arc::new(tokio::sync::Mutex::new(Some(stream))))
    }

    pub(crate) fn task(task: Task) -> Self {
        Self::Task(Arc::new(tokio::sync::Mutex::new(Some(task))))
    }
}

/// Every live thing of one scenario, by its name.
#[derive(Clone, Default)]
pub(crate) struct Handles(Arc<Mutex<HashMap<String, Handle>>>);

impl Handles {
    pub(crate) fn insert(&self, name: &str, handle: Handle) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), handle);
    }

    fn get(&self, name: &str) -> Result<Handle, Failure> {
        let handles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        handles
            .get(name)
            .cloned()
            .ok_or_else(|| Failure::Scenario(format!("no handle is called `{name}`")))
    }

    pub(crate) fn client(&self, name: Option<&str>) -> Result<Client, Failure> {
        match self.get(name.unwrap_or("client"))? {
            Handle::Client(client) => Ok(client),
            _ => Err(wrong(name, "client")),
        }
    }

    pub(crate) fn sandbox(&self, name: Option<&str>) -> Result<Sandbox, Failure> {
        match self.get(name.unwrap_or("sandbox"))? {
            Handle::Sandbox(sandbox) => Ok(sandbox),
            _ => Err(wrong(name, "sandbox")),
        }
    }

    pub(crate) fn command(&self, name: Option<&str>) -> Result<Command, Failure> {
        match self.get(name.unwrap_or_default())? {
            Handle::Command(command) => Ok(command),
            _ => Err(wrong(name, "command")),
        }
    }

    pub(crate) fn stream(
        &self,
        name: Option<&str>,
    ) -> Result<Arc<tokio::sync::Mutex<Option<OpenStream>>>, Failure> {
        match self.get(name.unwrap_or_default())? {
            Handle::Stream(stream) => Ok(stream),
            _ => Err(wrong(name, "stream")),
        }
    }

    pub(crate) async fn take_task(&self, name: Option<&str>) -> Result<Task, Failure> {
        match self.get(name.unwrap_or_default())? {
            Handle::Task(task) => {
                task.lock().await.take().ok_or_else(|| Failure::from("the task has ended already"))
            }
            _ => Err(wrong(name, "task")),
        }
    }

    /// Ends what still goes on in the background.
    pub(crate) async fn end_tasks(&self) {
        let all: Vec<Handle> = {
            let mut handles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            handles.drain().map(|(_, handle)| handle).collect()
        };
        for handle in all {
            if let Handle::Task(task) = handle
                && let Some(task) = task.lock().await.take()
            {
                task.abort();
                let _ = task.await;
            }
        }
    }
}

fn wrong(name: Option<&str>, wanted: &str) -> Failure {
    Failure::Scenario(format!("`{}` is no {wanted}", name.unwrap_or(wanted)))
}
