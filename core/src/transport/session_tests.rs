//! What a session does with frames, in any order, from any peer.

use proptest::prelude::*;

use super::*;
use crate::transport::queue::Weigh as _;

fn session_with(ids: &[u64], kill: bool) -> Session<u64> {
    let mut session = Session::new();
    for id in ids {
        session.open(Opening { id: *id, sink: Some(*id), kill, brief: false });
        session.sent(*id);
    }
    session
}

fn step(session: &mut Session<u64>, text: &str) -> Step {
    session.receive(text).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn an_answer_ends_its_call_and_no_other() {
    let mut session = session_with(&[1, 2], false);
    let Step::Finish(2, Ok(result)) =
        step(&mut session, r#"{"jsonrpc":"2.0","id":2,"result":{"a":1}}"#)
    else {
        panic!("not finished")
    };
    assert_eq!(result.get(), r#"{"a":1}"#);
    assert_eq!(session.take(2), Some(2));
    assert_eq!(session.len(), 1);
}

#[test]
fn an_answer_without_a_result_is_null() {
    let mut session = session_with(&[1], false);
    let Step::Finish(1, Ok(result)) = step(&mut session, r#"{"id":1,"result":null}"#) else {
        panic!("not finished")
    };
    assert_eq!(result.get(), "null");
}

#[test]
fn an_error_keeps_its_code_and_words() {
    let mut session = session_with(&[1], false);
    let text = r#"{"id":1,"error":{"code":-32001,"message":"no such file: /a"}}"#;
    let Step::Finish(1, Err(error)) = step(&mut session, text) else { panic!("not finished") };
    assert_eq!(error.kind(), ErrorKind::FileNotFound);
    assert_eq!(error.code(), Some(-32001));
    assert_eq!(error.message(), "no such file: /a");
}

#[test]
fn bytes_are_counted_per_stream_and_gaps_are_seen() {
    let mut session = session_with(&[1], false);
    let Step::Deliver(1, Frame::Stdout(chunk)) = step(
        &mut session,
        r#"{"method":"exec.stdout","params":{"id":1,"data":"ab","offset":100,"len":2}}"#,
    ) else {
        panic!("not delivered")
    };
    assert_eq!((chunk.missing, &chunk.data[..]), (100, &b"ab"[..]));
    let Step::Deliver(1, Frame::Stderr(chunk)) =
        step(&mut session, r#"{"method":"exec.stderr","params":{"id":1,"data":"x"}}"#)
    else {
        panic!("not delivered")
    };
    assert_eq!((chunk.missing, chunk.offset), (0, None));
    let Step::Deliver(1, Frame::Stdout(chunk)) = step(
        &mut session,
        r#"{"method":"exec.stdout","params":{"id":1,"data":"c","offset":102,"len":1}}"#,
    ) else {
        panic!("not delivered")
    };
    assert_eq!(chunk.missing, 0);
}

#[test]
fn a_command_whose_name_is_too_long_is_spoiled_and_costs_its_connection() {
    for (name, directory, fits) in [
        (LONGEST_CMD_ID, LONGEST_CWD, true),
        (LONGEST_CMD_ID + 1, 1, false),
        (1, LONGEST_CWD + 1, false),
    ] {
        let mut session = session_with(&[1, 2], true);
        let (cmd_id, cwd) = ("c".repeat(name), "d".repeat(directory));
        let text = format!(
            r#"{{"method":"exec.start","params":{{"id":1,"cmd_id":"{cmd_id}","pid":1,"cwd":"{cwd}"}}}}"#
        );
        match step(&mut session, &text) {
            Step::Deliver(1, frame) => {
                assert!(fits);
                assert_eq!(Ok::<_, Error>(frame).weight(), name + directory);
            }
            Step::Spoil(1, error) => {
                assert!(!fits);
                assert_eq!(error.kind(), ErrorKind::Protocol);
                assert!(error.message().len() < 100);
                // As one that was never named: no kill can carry such a name.
                assert_eq!(session.abandon(1), Left::Nameless);
            }
            _ => panic!("neither"),
        }
        assert_eq!(session.sink(2).copied(), Some(2));
    }
}

#[test]
fn a_notification_that_says_its_method_late_is_read_all_the_same() {
    let mut session = session_with(&[1], false);
    let data = "x".repeat(100);
    let text = format!(r#"{{"params":{{"id":1,"data":"{data}"}},"method":"exec.stdout"}}"#);
    let Step::Deliver(1, Frame::Stdout(chunk)) = step(&mut session, &text) else {
        panic!("not delivered")
    };
    assert_eq!(chunk.data, data);
}

#[test]
fn a_command_abandoned_before_its_name_is_known_is_killed_when_it_is() {
    let mut session = session_with(&[1], true);
    assert_eq!(session.abandon(1), Left::Nothing);
    assert_eq!(session.unsettled(), 1);
    let text = r#"{"method":"exec.start","params":{"id":1,"cmd_id":"c-1"}}"#;
    assert!(matches!(step(&mut session, text), Step::Kill(name) if name == "c-1"));
    assert_eq!(session.unsettled(), 0);
    let text = r#"{"method":"exec.stdout","params":{"id":1,"data":"late"}}"#;
    assert!(matches!(step(&mut session, text), Step::None));
    assert!(matches!(step(&mut session, r#"{"id":1,"result":{}}"#), Step::Finish(1, _)));
    assert_eq!(session.take(1), None);
    assert_eq!(session.len(), 0);
}

#[test]
fn a_command_that_is_never_named_is_told_apart() {
    let start = |id| format!(r#"{{"method":"exec.start","params":{{"id":{id}}}}}"#);
    let mut session = session_with(&[1, 2], true);
    assert_eq!(session.abandon(1), Left::Nothing);
    assert!(matches!(step(&mut session, &start(1)), Step::Nameless));
    assert!(matches!(step(&mut session, &start(2)), Step::Deliver(2, Frame::Start(_))));
    assert_eq!(session.abandon(2), Left::Nameless);
    assert_eq!(session.unsettled(), 0);
}

#[test]
fn a_call_abandoned_before_it_is_sent_is_never_sent() {
    let mut session = Session::new();
    session.open(Opening { id: 1, sink: Some(1u64), kill: true, brief: false });
    assert!(session.wanted(1));
    assert_eq!(session.abandon(1), Left::Nothing);
    assert!(!session.wanted(1));
    assert_eq!(session.len(), 0);
}

#[test]
fn a_cut_tells_what_may_have_run() {
    let mut session = session_with(&[1], false);
    session.open(Opening { id: 2, sink: Some(2), kill: false, brief: false });
    let mut cut = session.cut();
    cut.sort_unstable();
    assert_eq!(cut, [(1, true), (2, false)]);
    assert_eq!(session.len(), 0);
}

#[test]
fn an_unreadable_frame_spoils_its_own_call() {
    let mut session = session_with(&[1, 2], true);
    let text = r#"{"method":"exec.done","params":{"id":2,"exit_code":"four"}}"#;
    let Step::Spoil(2, error) = step(&mut session, text) else { panic!("not spoiled") };
    assert_eq!(error.kind(), ErrorKind::Protocol);
    assert_eq!(session.release(2), Some(2));
    assert_eq!(session.sink(1), Some(&mut 1));
}

#[test]
fn additions_of_the_wrong_type_are_passed_over() {
    let mut session = session_with(&[1], true);
    let text = r#"{"method":"exec.start","params":{"id":1,"cmd_id":7,"pid":"12","cwd":null}}"#;
    let Step::Deliver(1, Frame::Start(started)) = step(&mut session, text) else {
        panic!("not delivered")
    };
    assert!(started.cmd_id.is_none() && started.pid.is_none() && started.cwd.is_none());
    let text = r#"{"method":"exec.stdout","params":{"id":1,"data":"a","offset":"x","len":-1}}"#;
    assert!(matches!(step(&mut session, text), Step::Deliver(1, Frame::Stdout(_))));
    let text = r#"{"method":"exec.done","params":{"id":1,"exit_code":4.0,"signal":[]}}"#;
    let done = step(&mut session, text);
    assert!(matches!(done, Step::Deliver(1, Frame::Done { exit_code: Some(4), signal: None })));
}

#[test]
fn output_that_was_there_before_spoils_its_call() {
    let out = |offset: u64, len: u64| {
        let text = format!(r#""data":"ab","offset":{offset},"len":{len}"#);
        format!(r#"{{"method":"exec.stdout","params":{{"id":1,{text}}}}}"#)
    };
    let spoilt = |first: &str, second: &str| {
        let mut session = session_with(&[1], true);
        assert!(matches!(step(&mut session, first), Step::Deliver(1, _)));
        matches!(step(&mut session, second), Step::Spoil(1, _))
    };
    assert!(spoilt(&out(5, 2), &out(5, 2)), "repeated");
    assert!(spoilt(&out(5, 2), &out(3, 2)), "reordered");
    assert!(spoilt(&out(5, 2), &out(6, 2)), "overlapping");
    assert!(spoilt(&out(5, 2), &out(u64::MAX >> 1, 1 << 62)), "longer than its text");
    assert!(spoilt(&out(0, 1), &out(1, 0)), "shorter than its text");
    assert!(!spoilt(&out(5, 2), &out(7, 1)));
}

#[test]
fn a_piece_of_a_file_hides_no_gap_in_output() {
    let mut session = session_with(&[1], true);
    let piece = r#"{"method":"read_stream.chunk","params":{"id":1,"data":"YWI="}}"#;
    assert!(matches!(step(&mut session, piece), Step::Deliver(1, Frame::File(_))));
    let output = r#"{"method":"exec.stdout","params":{"id":1,"data":"c","offset":2,"len":1}}"#;
    let Step::Deliver(1, Frame::Stdout(chunk)) = step(&mut session, output) else {
        panic!("not delivered")
    };
    assert_eq!(chunk.missing, 2);
    let next = r#"{"method":"read_stream.chunk","params":{"id":1,"data":"YWI=","offset":2}}"#;
    assert!(matches!(step(&mut session, next), Step::Deliver(1, Frame::File(_))));
}

#[test]
fn a_piece_of_a_file_follows_the_one_before() {
    let piece = |offset: &str| {
        format!(r#"{{"method":"read_stream.chunk","params":{{"id":1,"data":"YWI="{offset}}}}}"#)
    };
    let mut session = session_with(&[1], false);
    for offset in ["", r#","offset":2"#, r#","offset":"4""#] {
        assert!(matches!(step(&mut session, &piece(offset)), Step::Deliver(1, Frame::File(_))));
    }
    for offset in [r#","offset":4"#, r#","offset":8"#] {
        assert!(matches!(step(&mut session, &piece(offset)), Step::Spoil(1, _)), "{offset}");
    }
    let no_base64 = r#"{"method":"read_stream.chunk","params":{"id":1,"data":"*"}}"#;
    assert!(matches!(step(&mut session, no_base64), Step::Spoil(1, _)));
}

#[test]
fn a_command_starts_once_and_is_killed_once() {
    let start =
        |name: &str| format!(r#"{{"method":"exec.start","params":{{"id":1,"cmd_id":"{name}"}}}}"#);
    let mut session = session_with(&[1], true);
    assert!(matches!(step(&mut session, &start("c-1")), Step::Deliver(1, Frame::Start(_))));
    assert!(matches!(step(&mut session, &start("c-2")), Step::None));
    assert_eq!(session.abandon(1), Left::Kill("c-1".into()));
    assert_eq!(session.abandon(1), Left::Nothing);
    let mut session = session_with(&[1], true);
    session.abandon(1);
    assert!(matches!(step(&mut session, &start("")), Step::Nameless));
    assert!(matches!(step(&mut session, &start("c-1")), Step::None));
}

#[test]
fn a_kill_that_waits_to_be_sent_survives_the_end() {
    let mut session = session_with(&[1], true);
    session.open(Opening { id: 2, sink: None, kill: false, brief: true });
    session.open(Opening { id: 3, sink: Some(3), kill: false, brief: false });
    let (mut sinks, commands) = session.abandon_all();
    sinks.sort_unstable();
    assert_eq!((sinks, commands), (vec![(1, true), (3, false)], vec![]));
    assert!(session.wanted(2) && !session.wanted(3));
    assert_eq!(session.forgotten(), 2);
}

#[test]
fn the_end_waits_for_what_is_soon_answered() {
    let mut session = session_with(&[1], false);
    session.open(Opening { id: 2, sink: Some(2), kill: false, brief: true });
    session.sent(2);
    session.open(Opening { id: 3, sink: Some(3), kill: false, brief: true });
    session.abandon_all();
    assert_eq!(session.unsettled(), 1, "one that follows a log, and one that was never sent");
    assert!(matches!(step(&mut session, r#"{"id":2,"result":{}}"#), Step::Finish(2, _)));
    assert_eq!((session.take(2), session.unsettled()), (None, 0));
}

#[test]
fn late_frames_are_no_strays() {
    let mut session = session_with(&[1, 2], false);
    assert!(matches!(step(&mut session, r#"{"id":1,"result":{}}"#), Step::Finish(1, _)));
    session.take(1);
    for _ in 0..=2 * STRAY_FRAMES {
        let late = r#"{"method":"exec.stdout","params":{"id":1,"data":"late"}}"#;
        assert!(matches!(step(&mut session, late), Step::None));
    }
}

#[test]
fn strays_are_bounded() {
    let mut session = session_with(&[1], false);
    let mut last = Ok(Step::None);
    for _ in 0..=STRAY_FRAMES {
        last = session.receive(r#"{"id":77,"result":{}}"#);
    }
    assert!(matches!(last, Err(error) if error.kind() == ErrorKind::Protocol));
}

#[test]
fn an_answer_before_its_request_was_sent_is_a_stray() {
    let mut session = Session::new();
    session.open(Opening { id: 1, sink: Some(1u64), kill: false, brief: false });
    assert!(matches!(session.receive(r#"{"id":1,"result":{}}"#), Ok(Step::None)));
    assert_eq!(session.len(), 1);
}

#[test]
fn unknown_notifications_and_fields_are_passed_over() {
    let mut session = session_with(&[1], false);
    assert!(matches!(step(&mut session, r#"{"method":"exec.novel","params":[1]}"#), Step::None));
    let text = r#"{"jsonrpc":"2.0","id":1,"result":{},"novel":true}"#;
    assert!(matches!(step(&mut session, text), Step::Finish(1, Ok(_))));
}

#[test]
fn a_broken_frame_never_shows_its_content() {
    let mut session = session_with(&[1], false);
    for text in [
        r#"{"id":"hunter2"}"#,
        r#"{"method":"exec.stdout","params":{"id":1,"data":7,"x":"hunter2"}}"#,
        r#"{"method":"exec.stdout","params":{"id":"1","data":"hunter2"}}"#,
        r#"{"method":"read_stream.chunk","params":{"id":1,"data":"hunter2!"}}"#,
        "hunter2",
    ] {
        let (Err(error) | Ok(Step::Spoil(1, error))) = session.receive(text) else {
            panic!("{text}: accepted")
        };
        assert_eq!(error.kind(), ErrorKind::Protocol);
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
}

#[derive(Debug, Clone)]
enum Event {
    Open(u64),
    Sent(u64),
    Abandon(u64),
    Answer(u64),
    Fail(u64),
    Start(u64),
    Out(u64),
    Done(u64),
    Noise(String),
    Cut,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let id = 0u64..6;
    let event = prop_oneof![
        3 => id.clone().prop_map(Event::Open),
        3 => id.clone().prop_map(Event::Sent),
        1 => id.clone().prop_map(Event::Abandon),
        2 => id.clone().prop_map(Event::Answer),
        1 => id.clone().prop_map(Event::Fail),
        1 => id.clone().prop_map(Event::Start),
        2 => id.clone().prop_map(Event::Out),
        1 => id.prop_map(Event::Done),
        1 => ".{0,40}".prop_map(Event::Noise),
        1 => Just(Event::Cut),
    ];
    proptest::collection::vec(event, 0..200)
}

proptest! {
    /// Whatever comes in whatever order: each call opened ends exactly once (by its answer, its
    /// abandonment or a cut), nothing is delivered to a call that is not open, nothing panics.
    #[test]
    fn every_call_ends_exactly_once(events in events()) {
        let mut session: Session<u64> = Session::new();
        let mut serial = 0u64;
        let mut waiting = HashMap::new();
        for event in events {
            let frame = match event {
                Event::Open(id) => {
                    if session.open.contains_key(&id) {
                        continue;
                    }
                    serial += 1;
                    waiting.insert(id, serial);
                    session.open(Opening { id, sink: Some(serial), kill: id % 2 == 0, brief: false });
                    continue;
                }
                Event::Sent(id) => {
                    session.sent(id);
                    continue;
                }
                Event::Abandon(id) => {
                    session.abandon(id);
                    waiting.remove(&id);
                    continue;
                }
                Event::Cut => {
                    let cut = session.cut();
                    prop_assert_eq!(cut.len(), waiting.len());
                    waiting.clear();
                    continue;
                }
                Event::Answer(id) => format!(r#"{{"id":{id},"result":{{}}}}"#),
                Event::Fail(id) => format!(r#"{{"id":{id},"error":{{"code":-32004}}}}"#),
                Event::Start(id) => {
                    format!(r#"{{"method":"exec.start","params":{{"id":{id},"cmd_id":"c{id}"}}}}"#)
                }
                Event::Out(id) => {
                    format!(r#"{{"method":"exec.stdout","params":{{"id":{id},"data":"x"}}}}"#)
                }
                Event::Done(id) => {
                    format!(r#"{{"method":"exec.done","params":{{"id":{id},"exit_code":0,"output":""}}}}"#)
                }
                Event::Noise(text) => text,
            };
            match session.receive(&frame) {
                Ok(Step::Deliver(id, _)) => prop_assert!(waiting.contains_key(&id)),
                Ok(Step::Finish(id, _)) => {
                    prop_assert_eq!(session.take(id), waiting.remove(&id));
                }
                Ok(Step::None | Step::Kill(_) | Step::Nameless | Step::Spoil(..)) | Err(_) => {}
            }
        }
        prop_assert_eq!(session.cut().len(), waiting.len());
    }
}
