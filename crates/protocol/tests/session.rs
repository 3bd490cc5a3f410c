//! What the host's end makes of servers that are late, or that do what they must not.

use outlive_classes::{
    mtd::{Command, Done, Found, Geometry, Kind as Flash, Mode, Region},
    tpm::{Error as TpmError, Version},
};
use outlive_protocol::{
    Class, Device, Hello, Kind, Reply, Request, Violation,
    host::{self, Heard, Refusal},
    limits::{EVENT_BURST, FRAME_MAX, WAITING, WINDOW},
    server,
};
use std::time::Duration;

const NOW: Duration = Duration::from_secs(100);
const SOON: Duration = Duration::from_secs(101);
const RESPONSE: [u8; 10] = [9, 9, 0, 0, 0, 10, 9, 9, 9, 9];
const LATER: Duration = Duration::from_secs(102);

fn flash() -> Hello {
    let device = Device::Mtd(Geometry { lockable: true, ..Geometry::without_pages(Flash::Nor, 1 << 30, 4096) });
    Hello { name: "flash".into(), device }
}

struct Ends {
    host: host::Session<&'static str>,
    server: server::Session,
}

impl Ends {
    fn of(hello: Hello) -> Ends {
        let (host, welcome) = host::Session::new(hello.class(), 1);
        let (mut server, _) = server::Session::new(hello).unwrap();
        server.receive(&welcome, 1).unwrap();
        Ends { host, server }
    }

    fn tpm() -> Ends {
        Ends::of(Hello { name: "tpm".into(), device: Device::Tpm { version: Version::V2 } })
    }

    /// A command that the server has.
    fn ask(&mut self, token: &'static str) -> u64 {
        let number = self.host.begin(SOON, Request::Tpm(vec![1, 2, 3]), token).unwrap();
        self.deliver();
        number
    }

    /// Brings the server what is to be sent.
    fn deliver(&mut self) -> Vec<Kind> {
        let mut kinds = Vec::new();
        while let Some(sent) = self.host.next(NOW) {
            kinds.push(outlive_protocol::Header::parse(&sent.frame).unwrap().0.kind);
            if let server::Heard::Operation(incoming) = self.server.receive(&sent.frame, 0).unwrap() {
                self.server.accept(incoming, sent.bulk.map(|(_, data)| data)).unwrap();
            }
        }
        kinds
    }

    fn answer(&mut self, number: u64) -> Vec<u8> {
        self.server.answer(number, Reply::Tpm(Ok(RESPONSE.into()))).unwrap().frame
    }
}

#[test]
fn answers_come_in_any_order_to_whom_they_are_for() {
    let mut ends = Ends::tpm();
    let (one, two) = (ends.ask("one"), ends.ask("two"));
    for (number, who) in [(two, "two"), (one, "one")] {
        let frame = ends.answer(number);
        let Ok(Heard::Answer(landed)) = ends.host.receive(NOW, &frame, 0) else { panic!() };
        assert_eq!(landed.finish(None), (who, Ok(Reply::Tpm(Ok(RESPONSE.into())))));
    }
    assert_eq!(ends.host.outstanding(), 0);
}

#[test]
fn a_missed_deadline_fails_its_operation_and_the_late_answer_is_dropped() {
    let mut ends = Ends::tpm();
    let number = ends.ask("late");
    assert_eq!(ends.host.next_deadline(), Some(SOON));
    assert!(ends.host.expire(SOON - Duration::from_nanos(1)).is_empty());
    assert_eq!(ends.host.expire(SOON), ["late"]);
    assert_eq!((ends.host.misses(), ends.host.next_deadline(), ends.host.outstanding()), (1, None, 1));
    assert_eq!(ends.deliver(), [Kind::Cancel], "the server is told that nobody waits");
    let frame = ends.answer(number);
    assert!(matches!(ends.host.receive(LATER, &frame, 0), Ok(Heard::Late(late)) if late == number));
    assert_eq!((ends.host.late(), ends.host.outstanding(), ends.host.misses()), (1, 0, 1));
    assert_eq!(ends.host.receive(LATER, &frame, 0).unwrap_err(), Violation::Twice(number));
}

#[test]
fn misses_count_in_a_row_and_an_answer_in_time_ends_the_row() {
    let mut ends = Ends::tpm();
    ends.ask("one");
    ends.ask("two");
    assert_eq!(ends.host.expire(SOON).len(), 2);
    assert_eq!(ends.host.misses(), 2);
    let number = ends.host.begin(LATER, Request::Tpm(Vec::new()), "three").unwrap();
    ends.deliver();
    let frame = ends.answer(number);
    assert!(matches!(ends.host.receive(SOON, &frame, 0), Ok(Heard::Answer(_))));
    assert_eq!(ends.host.misses(), 0);
}

#[test]
fn what_was_cancelled_is_owed_by_its_deadline() {
    let mut ends = Ends::tpm();
    let number = ends.ask("cancelled");
    assert_eq!(ends.host.cancel(number), Some("cancelled"));
    assert_eq!(ends.host.cancel(number), None);
    assert_eq!(ends.deliver(), [Kind::Cancel]);
    assert_eq!((ends.host.misses(), ends.host.next_deadline()), (0, Some(SOON)));
    assert!(ends.host.expire(SOON).is_empty(), "nobody is to be told");
    assert_eq!((ends.host.misses(), ends.host.next_deadline()), (1, None));
    let frame = ends.server.answer(number, Reply::Cancelled).unwrap().frame;
    assert!(matches!(ends.host.receive(LATER, &frame, 0), Ok(Heard::Late(_))));
}

#[test]
fn a_server_that_reads_nothing_misses_and_what_waits_has_an_end() {
    let mut ends = Ends::tpm();
    for _ in 0..WINDOW {
        ends.ask("sent");
    }
    for _ in 0..WAITING {
        ends.host.begin(SOON, Request::Tpm(Vec::new()), "waiting").unwrap();
    }
    assert!(ends.deliver().is_empty(), "the window is full");
    let refused = ends.host.begin(SOON, Request::Tpm(Vec::new()), "refused");
    assert_eq!(refused, Err((Refusal::Full, "refused")));
    assert_eq!(ends.host.expire(SOON).len(), WINDOW + WAITING);
    assert_eq!(ends.host.misses() as usize, WINDOW + WAITING);
    ends.host.begin(LATER, Request::Tpm(Vec::new()), "after").unwrap();
    assert!(!ends.deliver().contains(&Kind::Command), "it still has what it was given");
    assert_eq!(ends.host.end(), ["after"]);
}

#[test]
fn what_waits_can_be_cancelled_and_is_never_sent() {
    let mut ends = Ends::tpm();
    let number = ends.host.begin(SOON, Request::Tpm(Vec::new()), "waiting").unwrap();
    assert_eq!(ends.host.cancel(number), Some("waiting"));
    assert!(ends.deliver().is_empty());
    assert_eq!(ends.host.outstanding(), 0);
}

#[test]
fn a_place_in_the_area_is_not_used_again_before_the_server_is_done_with_it() {
    let mut ends = Ends::of(flash());
    let read = || Request::Mtd(Command::Read { at: 0, length: 1 << 20, spare: Region::default(), mode: Mode::Place });
    let place = |ends: &mut Ends| {
        ends.host.begin(SOON, read(), "read").unwrap();
        let frame = ends.host.next(NOW).unwrap().frame;
        if let server::Heard::Operation(incoming) = ends.server.receive(&frame, 0).unwrap() {
            ends.server.accept(incoming, None).unwrap();
        }
        u32::from_le_bytes(frame[36..40].try_into().unwrap())
    };
    assert_eq!(place(&mut ends), 0);
    assert_eq!(ends.host.cancel(1), Some("read"));
    ends.deliver();
    assert_eq!(place(&mut ends), 1 << 20, "the first is still the server's to write to");
    let found = || Reply::Mtd(Ok(Done::Read(Found { data: vec![7; 1 << 20], ..Found::default() })));
    let late = ends.server.answer(1, found()).unwrap();
    assert!(matches!(ends.host.receive(NOW, &late.frame, 0), Ok(Heard::Late(1))));
    assert_eq!(place(&mut ends), 0);
    let answer = ends.server.answer(2, found()).unwrap();
    let Ok(Heard::Answer(landed)) = ends.host.receive(NOW, &answer.frame, 0) else { panic!() };
    assert_eq!(place(&mut ends), 2 << 20, "it has not been copied yet");
    ends.host.give_back(landed.place().unwrap());
    assert_eq!(place(&mut ends), 1 << 20);
    assert_eq!(landed.fetch(), landed.place());
}

#[test]
fn what_no_frame_and_no_area_can_hold_is_refused() {
    let mut ends = Ends::of(flash());
    let read = |length| Request::Mtd(Command::Read { at: 0, length, spare: Region::default(), mode: Mode::Place });
    for request in [read(usize::MAX), read(1 << 30), Request::Tpm(Vec::new()), Request::I2c(Vec::new())] {
        assert_eq!(ends.host.begin(SOON, request, "it"), Err((Refusal::Impossible, "it")));
    }
}

#[test]
fn goodbyes_come_after_all_that_waits() {
    let mut ends = Ends::tpm();
    let number = ends.host.begin(SOON, Request::Tpm(Vec::new()), "last").unwrap();
    ends.host.goodbye();
    assert_eq!(ends.host.begin(SOON, Request::Tpm(Vec::new()), "no"), Err((Refusal::Impossible, "no")));
    assert_eq!(ends.deliver(), [Kind::Command, Kind::Goodbye]);
    assert!(!ends.server.is_over());
    let frame = ends.answer(number);
    assert!(matches!(ends.host.receive(NOW, &frame, 0), Ok(Heard::Answer(_))));
    assert!(ends.server.is_over());
    assert!(matches!(ends.host.receive(NOW, &ends.server.goodbye(), 0), Ok(Heard::Goodbye)));
}

/// What was under way when the device was pulled is owed in the next life still.
#[test]
fn another_life_begins_with_another_hello_on_the_same_connection() {
    let mut ends = Ends::tpm();
    let number = ends.ask("pulled");
    assert_eq!(ends.host.cancel(number), Some("pulled"));
    ends.host.again();
    ends.host.begin(SOON, Request::Tpm(Vec::new()), "next").unwrap();
    assert_eq!(ends.deliver(), [Kind::Cancel, Kind::Again]);
    let hello = Hello { name: "other".into(), device: Device::Tpm { version: Version::V1 } };
    let late = ends.answer(number);
    assert!(matches!(ends.host.receive(NOW, &late, 0), Ok(Heard::Late(1))));
    let frame = ends.server.greet(hello.clone()).unwrap();
    assert!(matches!(ends.host.receive(NOW, &frame, 0), Ok(Heard::Hello(is)) if is == hello));
    ends.host.welcome_again(2);
    assert_eq!(ends.deliver(), [Kind::Welcome, Kind::Command]);
    assert_eq!(ends.server.welcome().unwrap().generation, 2);
    let frame = ends.server.greet(hello).unwrap();
    assert_eq!(ends.host.receive(NOW, &frame, 0).unwrap_err(), Violation::Unexpected(Kind::Hello));
}

/// Found by the fuzz: a life that is over before it was welcomed.
#[test]
fn lives_that_are_over_at_once_confuse_nobody() {
    let mut ends = Ends::tpm();
    let hello = Hello { name: "tpm".into(), device: Device::Tpm { version: Version::V2 } };
    ends.host.again();
    ends.host.again();
    assert_eq!(ends.deliver(), [Kind::Again]);
    ends.host.again();
    assert_eq!(ends.deliver(), [], "its hello will do");
    let frame = ends.server.greet(hello.clone()).unwrap();
    assert!(matches!(ends.host.receive(NOW, &frame, 0), Ok(Heard::Hello(_))));
    ends.host.welcome_again(2);
    ends.host.again();
    assert_eq!(ends.deliver(), [Kind::Welcome, Kind::Again]);
    let frame = ends.server.greet(hello).unwrap();
    assert!(matches!(ends.host.receive(NOW, &frame, 0), Ok(Heard::Hello(_))));
    ends.host.welcome_again(3);
    ends.host.begin(SOON, Request::Tpm(vec![1]), "next").unwrap();
    assert_eq!(ends.deliver(), [Kind::Welcome, Kind::Command]);
}

#[test]
fn events_are_heard_up_to_a_rate() {
    let mut ends = Ends::tpm();
    let line = ends.server.log(&format!("it is {}", "ä\n".repeat(2000)));
    assert!(matches!(ends.host.receive(NOW, &line, 0), Ok(Heard::Log(text)) if text.len() == 1024));
    assert!(matches!(ends.host.receive(NOW, &ends.server.gone(), 0), Ok(Heard::Gone)));
    for _ in 2..EVENT_BURST {
        ends.host.receive(NOW, &line, 0).unwrap();
    }
    assert_eq!(ends.host.receive(NOW, &line, 0).unwrap_err(), Violation::Flood);
}

/// A frame, written by hand.
fn frame(kind: u16, number: u64, status: u32, data: u32, rest: &[u8]) -> Vec<u8> {
    let length = 24 + rest.len() as u32;
    let mut frame = Vec::new();
    frame.extend(kind.to_le_bytes());
    frame.extend(1_u16.to_le_bytes());
    frame.extend(length.to_le_bytes());
    frame.extend(number.to_le_bytes());
    frame.extend(status.to_le_bytes());
    frame.extend(data.to_le_bytes());
    frame.extend(rest);
    frame
}

/// Operation 1 is under way, 2 has been answered; then comes this.
#[test]
fn every_violation_has_its_name() {
    let command = Kind::CommandAnswer.number();
    let mut version = frame(command, 1, 0, 0, &[]);
    version[2] = 2;
    let mut length = frame(command, 1, 0, 0, &[]);
    length[4] = 25;
    let hello = Hello { name: "tpm".into(), device: Device::Tpm { version: Version::V2 } }.encode().unwrap();
    let cases: Vec<(Vec<u8>, usize, Violation)> = vec![
        (Vec::new(), 0, Violation::Truncated),
        (vec![0x30, 0x80, 1, 0], 0, Violation::Truncated),
        (vec![0; FRAME_MAX + 1], 0, Violation::FrameTooLong),
        (version, 0, Violation::Version(2)),
        (length, 0, Violation::Length { said: 25, is: 24 }),
        (frame(0x777, 1, 0, 0, &[]), 0, Violation::Type(0x777)),
        (hello, 0, Violation::Unexpected(Kind::Hello)),
        (frame(4, 1, 0, 0, &[]), 0, Violation::Unexpected(Kind::Cancel)),
        (frame(0x30, 9, 0, 0, &[]), 0, Violation::Unexpected(Kind::Command)),
        (frame(command, 0, 0, 0, &[]), 0, Violation::NotAsked(0)),
        (frame(command, 3, 0, 0, &[]), 0, Violation::NotAsked(3)),
        (frame(command, u64::MAX, 0, 0, &[]), 0, Violation::NotAsked(u64::MAX)),
        (frame(command, 2, 0, 0, &[]), 0, Violation::Twice(2)),
        (
            frame(0x8020, 1, 0, 0, &[]),
            0,
            Violation::Kind { number: 1, asked: Kind::Command, answered: Kind::ReadAnswer },
        ),
        (frame(command, 1, 5, 0, &[]), 0, Violation::Status { number: 1, status: 5 }),
        (frame(command, 1, u32::MAX, 0, &[]), 0, Violation::Status { number: 1, status: u32::MAX }),
        (frame(command, 1, 0, 4097, &[0; 4097]), 0, Violation::Limit { number: 1, limit: 4096, is: 4097 }),
        (frame(command, 1, 2, 1, &[0]), 0, Violation::Size { number: 1, wanted: 0, is: 1 }),
        (frame(command, 1, 0, 9, &[0; 8]), 0, Violation::Truncated),
        (frame(command, 1, 0, 0, &[]), 0, Violation::Size { number: 1, wanted: 10, is: 0 }),
        (
            frame(command, 1, 0, 11, &[0, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0]),
            0,
            Violation::Size { number: 1, wanted: 10, is: 11 },
        ),
        (frame(command, 1, 0, 8, &[0; 9]), 0, Violation::Trailing),
        (frame(command, 1, 0, 1, &[0]), 1, Violation::Descriptors),
        (frame(5, 1, 0, 0, &[]), 0, Violation::Header(Kind::Gone)),
        (frame(3, 0, 1, 0, &[]), 0, Violation::Header(Kind::Goodbye)),
        (frame(5, 0, 0, 0, &[1]), 0, Violation::Trailing),
        (frame(6, 0, 0, 2, &[0xff, 0xff]), 0, Violation::Text),
        (frame(6, 0, 0, 2, b"a\n"), 0, Violation::Text),
        (frame(6, 0, 0, 1025, &[b'a'; 1025]), 0, Violation::Text),
    ];
    for (packet, descriptors, wanted) in cases {
        let mut ends = Ends::tpm();
        assert_eq!((ends.ask("waits"), ends.ask("answered")), (1, 2));
        let answered = ends.answer(2);
        ends.host.receive(NOW, &answered, 0).unwrap();
        let is = ends.host.receive(NOW, &packet, descriptors).map(|heard| match heard {
            Heard::Answer(landed) => landed.finish(None),
            other => panic!("{other:?} of {packet:x?}"),
        });
        match is {
            Err(violation) | Ok((_, Err(violation))) => assert_eq!(violation, wanted, "{packet:x?}"),
            Ok(reply) => panic!("{reply:?}, not {wanted}"),
        }
    }
}

#[test]
fn a_server_refuses_what_no_host_sends() {
    let hello = Hello { name: "tpm".into(), device: Device::Tpm { version: Version::V2 } };
    let (mut server, _) = server::Session::new(hello).unwrap();
    let (mut host, welcome) = host::Session::new(Class::Tpm, 1);
    assert_eq!(server.receive(&welcome, 0).unwrap_err(), Violation::NoDescriptor);
    assert_eq!(server.receive(&welcome, 2).unwrap_err(), Violation::Descriptors);
    server.receive(&welcome, 1).unwrap();
    assert_eq!(server.receive(&welcome, 0).unwrap_err(), Violation::Unexpected(Kind::Welcome));
    host.begin(SOON, Request::Tpm(vec![1]), ()).unwrap();
    let good = host.next(NOW).unwrap().frame;
    let accept = |server: &mut server::Session, change: &[(usize, u8)]| {
        let mut frame = good.clone();
        change.iter().for_each(|(at, byte)| frame[*at] = *byte);
        match server.receive(&frame, 0)? {
            server::Heard::Operation(incoming) => server.accept(incoming, None),
            other => panic!("{other:?}"),
        }
    };
    let refused = [
        (&[(8, 0)][..], Violation::Operation(0)),
        (&[(16, 1)], Violation::Operation(1)),
        (&[(38, 0xff), (41, 0x40)], Violation::Place(1)),
        (&[(33, 0)], Violation::Operation(1)),
        (&[(44, 1)], Violation::Reserved),
        (&[(0, 0x10)], Violation::Truncated),
    ];
    for (change, wanted) in refused {
        assert_eq!(accept(&mut server, change), Err(wanted), "{change:?}");
    }
    accept(&mut server, &[]).unwrap();
    assert_eq!(accept(&mut server, &[]), Err(Violation::Operation(1)), "a number once");
    assert!(server.answer(1, Reply::Tpm(Err(TpmError::Io))).is_some());
    assert_eq!(server.answer(1, Reply::Tpm(Err(TpmError::Io))), None, "an answer once");
    assert_eq!(server.receive(&frame(4, 9, 0, 0, &[]), 0).unwrap_err(), Violation::NotAsked(9));
    assert!(matches!(server.receive(&frame(4, 1, 0, 0, &[]), 0), Ok(server::Heard::Nothing)));
    server.receive(&frame(3, 0, 0, 0, &[]), 0).unwrap();
    assert_eq!(accept(&mut server, &[(8, 2)]), Err(Violation::AfterGoodbye));
}
