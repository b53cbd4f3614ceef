//! What the two halves of the set-up say to each other, over a socket pair.
//!
//! The process inside waits for [`GO`], which brings the layers as descriptors, and answers once:
//! that it serves, or which step failed. Either's end is the other's end of file.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, send, sendmsg, socketpair,
};

use super::step::StepError;
use crate::contract::Part;

/// The layers are there and the id map is written.
const GO: &[u8] = b"go";
const READY: &[u8] = b"ready";
/// A step and the system's words fit well; paths longer than this are cut.
const MAX_ANSWER: usize = 16 * 1024;
/// More than the layers that a plan may have.
const MAX_DESCRIPTORS: usize = 128;

/// What the process inside says at the end of the set-up.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Ready,
    Failed(StepError),
}

/// Makes the two ends.
pub(crate) fn pair() -> Result<(OwnedFd, OwnedFd), Errno> {
    socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
}

/// Tells the process inside to go on, with these descriptors.
pub(crate) fn send_go(socket: &OwnedFd, descriptors: &[BorrowedFd<'_>]) -> Result<(), Errno> {
    let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(descriptors.len()))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(Errno::TOOBIG);
    }
    sendmsg(socket, &[IoSlice::new(GO)], &mut control, SendFlags::NOSIGNAL).map(drop)
}

/// Waits for the word to go on. `None` if the other side is gone.
pub(crate) fn receive_go(socket: &OwnedFd) -> Result<Option<Vec<OwnedFd>>, Errno> {
    let mut text = [0; GO.len()];
    let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let got =
        recvmsg(socket, &mut [IoSliceMut::new(&mut text)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let mut descriptors = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = message {
            descriptors.extend(received);
        }
    }
    Ok((got.bytes == GO.len() && text == *GO).then_some(descriptors))
}

/// Says that the sandbox serves.
pub(crate) fn send_ready(socket: &OwnedFd) -> Result<(), Errno> {
    send(socket.as_fd(), READY, SendFlags::NOSIGNAL | SendFlags::DONTWAIT).map(drop)
}

/// Says which step failed.
pub(crate) fn send_failed(socket: &OwnedFd, error: &StepError) -> Result<(), Errno> {
    let part = error.part.map(Part::as_str).unwrap_or_default();
    let mut text = format!("{part}\0{}\0{}", error.step, error.message).into_bytes();
    text.truncate(MAX_ANSWER);
    send(socket.as_fd(), &text, SendFlags::NOSIGNAL | SendFlags::DONTWAIT).map(drop)
}

/// Reads the answer. `None` if the process inside ended without one.
pub(crate) fn receive_answer(socket: &OwnedFd) -> Result<Option<Answer>, Errno> {
    let mut text = vec![0; MAX_ANSWER];
    let mut receive = || rustix::net::recv(socket.as_fd(), text.as_mut_slice(), RecvFlags::empty());
    let (read, _) = match receive() {
        // It ended without having read all that was said to it, and is told of first, once; what it
        // said itself is still there.
        Err(Errno::CONNRESET) => receive()?,
        received => received?,
    };
    text.truncate(read);
    if text.is_empty() {
        return Ok(None);
    }
    if text == READY {
        return Ok(Some(Answer::Ready));
    }
    let text = String::from_utf8_lossy(&text);
    let mut fields = text.splitn(3, '\0');
    let part = fields.next().unwrap_or_default();
    let part = [Part::Overlay, Part::Proc, Part::Sys].into_iter().find(|one| one.as_str() == part);
    let (step, message) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
    Ok(Some(Answer::Failed(StepError { part, ..StepError::new(step, message) })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_brings_descriptors_in_order() {
        let (a, b) = pair().unwrap();
        let (one, two) = rustix::pipe::pipe().unwrap();
        send_go(&a, &[one.as_fd(), two.as_fd()]).unwrap();
        let got = receive_go(&b).unwrap().unwrap();
        assert_eq!(got.len(), 2);
        rustix::io::write(&got[1], b"x").unwrap();
        let mut byte = [0];
        assert_eq!(rustix::io::read(&got[0], &mut byte).unwrap(), 1);
    }

    #[test]
    fn the_end_of_one_side_is_told() {
        let (a, b) = pair().unwrap();
        drop(a);
        assert!(receive_go(&b).unwrap().is_none());
        assert_eq!(receive_answer(&b).unwrap(), None);
    }

    #[test]
    fn an_answer_counts_even_of_a_side_that_did_not_listen() {
        let (a, b) = pair().unwrap();
        send_go(&a, &[]).unwrap();
        let error = StepError::new("unshare", "Operation not permitted");
        send_failed(&b, &error).unwrap();
        drop(b);
        assert_eq!(receive_answer(&a).unwrap(), Some(Answer::Failed(error)));
    }

    #[test]
    fn answers_arrive_as_sent() {
        let (a, b) = pair().unwrap();
        let error = StepError::new("mount overlay /usr", "Invalid argument").of(Part::Overlay);
        send_failed(&a, &error).unwrap();
        send_ready(&a).unwrap();
        assert_eq!(receive_answer(&b).unwrap(), Some(Answer::Failed(error)));
        assert_eq!(receive_answer(&b).unwrap(), Some(Answer::Ready));
    }
}
