//! Calls of before atomic commits.

use super::bench::{ARRAY, Bench, Client, HEIGHT, WIDTH, mode_info};
use crate::{
    Contract, Errno,
    client::WILD,
    drm::{
        kms::{connector_id, crtc_id, plane_id},
        property::Property,
        uapi::{
            flip, ioctl,
            layout::{Crtc, Cursor, GetProperties, ModeInfo, PageFlip, SetConnector, SetPlane, SetProperty},
            object,
        },
    },
};

fn set_crtc(client: &Client, asked: Crtc, connectors: &[u32]) -> Result<(), Errno> {
    client.put(ARRAY, connectors);
    let asked = Crtc { connectors: ARRAY, count_connectors: connectors.len() as u32, ..asked };
    client.begin_ask(ioctl::MODE_SETCRTC, &asked).0.answer().map(drop)
}

#[test]
fn a_mode_is_set_and_waited_for() {
    let bench = Bench::new();
    let fb = bench.client.screenful();
    let (heard, _) = bench.client.begin_set_mode(0, fb);
    assert!(heard.is_waiting());
    assert_eq!(bench.shown(0), Some(vec![fb]));
    bench.frame();
    assert!(heard.answer().is_ok());
    let pipe = bench.notes.scene.lock().unwrap().pipes[0].clone().unwrap();
    assert_eq!((pipe.connectors, pipe.mode.width(), pipe.layers[0].size), (vec![0], WIDTH, (WIDTH, HEIGHT)));
    assert_eq!(bench.shown(1), None);
}

/// `drm_mode_setcrtc`, in its order.
#[test]
fn mode_sets_are_checked() {
    let bench = Bench::new();
    let fb = bench.client.screenful();
    let small = bench.client.framebuffer(64, 64, b"XR24");
    let good = Crtc { crtc: crtc_id(0), fb, mode_valid: 1, mode: mode_info(), ..Crtc::default() };
    let one = [connector_id(0)];
    let wrong = [
        (Crtc { x: 0x10000, crtc: 0, ..good }, &one[..], Errno::RANGE),
        (Crtc { crtc: 0, fb: 0, ..good }, &one, Errno::NOENT),
        (Crtc { fb: 0, ..good }, &one, Errno::NOENT),
        (Crtc { fb: u32::MAX, ..good }, &one, Errno::INVAL),
        (Crtc { mode: ModeInfo::default(), ..good }, &one, Errno::INVAL),
        (Crtc { fb: small, ..good }, &one, Errno::NOSPC),
        (Crtc { x: 1, ..good }, &one, Errno::NOSPC),
        (good, &[], Errno::INVAL),
        (Crtc { mode_valid: 0, ..good }, &one, Errno::INVAL),
        (good, &[crtc_id(0)], Errno::NOENT),
        (good, &[connector_id(0), connector_id(1)], Errno::INVAL),
        (good, &[connector_id(0); 3], Errno::INVAL),
    ];
    for (asked, connectors, errno) in wrong {
        assert_eq!(set_crtc(&bench.client, asked, connectors), Err(errno), "{asked:?} {connectors:?}");
    }
    let wild = Crtc { connectors: WILD, count_connectors: 1, ..good };
    assert_eq!(bench.client.tell(ioctl::MODE_SETCRTC, &wild), Err(Errno::FAULT));
    assert_eq!((bench.calls(), bench.shown(0)), (0, None), "nothing happened");
}

/// What `mode_valid` of a driver refuses.
#[test]
fn a_mode_that_is_too_fast_or_too_slow_for_the_display_is_refused() {
    let bench = Bench::new();
    let fb = bench.client.screenful();
    let set = |mode: ModeInfo| {
        let asked = Crtc { crtc: crtc_id(0), fb, mode_valid: 1, mode, ..Crtc::default() };
        set_crtc(&bench.client, asked, &[connector_id(0)])
    };
    assert_eq!(set(ModeInfo { clock: i32::MAX as u32, ..mode_info() }), Err(Errno::INVAL));
    let endless = ModeInfo { htotal: 1 << 15, vtotal: 1 << 15, vscan: 4, ..mode_info() };
    assert_eq!(set(endless), Err(Errno::INVAL), "each picture would take a quarter of an hour");
    assert_eq!(bench.shown(0), None);
    let blob = bench.client.blob(&ModeInfo { clock: i32::MAX as u32, ..mode_info() }.to_bytes()).unwrap();
    let on = [(Property::ModeId, blob.into()), (Property::Active, 1)];
    let cable = [(Property::CrtcId, crtc_id(0).into())];
    let all = [(crtc_id(0), &on[..]), (connector_id(0), &cable[..])];
    assert_eq!(bench.client.atomic(flip::ALLOW_MODESET | flip::TEST_ONLY, 0, &all), Err(Errno::INVAL));
}

#[test]
fn a_screen_is_turned_off_and_its_connector_taken_away() {
    let (bench, fb) = Bench::lit(Contract::Quiet);
    let off = Crtc { crtc: crtc_id(0), ..Crtc::default() };
    assert_eq!(set_crtc(&bench.client, off, &[]), Ok(()));
    assert_eq!(bench.shown(0), None);
    bench.set_mode(0, fb);
    let on_the_other = Crtc { crtc: crtc_id(1), fb, mode_valid: 1, mode: mode_info(), ..Crtc::default() };
    bench.client.put(ARRAY, &[connector_id(0)]);
    let (heard, _) =
        bench.client.begin_ask(ioctl::MODE_SETCRTC, &Crtc { connectors: ARRAY, count_connectors: 1, ..on_the_other });
    bench.frame();
    heard.answer().unwrap();
    assert_eq!((bench.shown(0), bench.shown(1)), (None, Some(vec![fb])));
}

#[test]
fn the_same_framebuffer_is_kept_for_another_part_of_it() {
    let bench = Bench::new();
    let large = bench.client.framebuffer(2 * WIDTH, HEIGHT, b"XR24");
    bench.set_mode(0, large);
    let moved = Crtc { crtc: crtc_id(0), fb: u32::MAX, x: WIDTH, mode_valid: 1, mode: mode_info(), ..Crtc::default() };
    bench.client.put(ARRAY, &[connector_id(0)]);
    let (heard, _) =
        bench.client.begin_ask(ioctl::MODE_SETCRTC, &Crtc { connectors: ARRAY, count_connectors: 1, ..moved });
    bench.frame();
    heard.answer().unwrap();
    assert_eq!(bench.notes.scene.lock().unwrap().pipes[0].as_ref().unwrap().layers[0].source, (WIDTH, 0));
}

#[test]
fn a_flip_is_done_at_the_next_blanking_and_said_then() {
    let (bench, _) = Bench::lit(Contract::Quiet);
    let second = bench.client.screenful();
    assert_eq!(bench.client.flip(0, second, 77), Ok(()));
    assert_eq!(bench.shown(0), Some(vec![second]));
    assert_eq!(bench.client.flip(0, second, 78), Err(Errno::BUSY));
    assert_eq!(bench.client.read(), Err(Errno::AGAIN));
    bench.frame();
    assert_eq!(bench.client.read(), Ok(vec![(2, 77, 2)]));
    assert_eq!(bench.client.flip(0, second, 79), Ok(()));
}

/// `drm_mode_page_flip_ioctl`, in its order.
#[test]
fn flips_are_checked() {
    let (bench, fb) = Bench::lit(Contract::Quiet);
    let good = PageFlip { crtc: crtc_id(0), fb, flags: 0, reserved: 0, user_data: 0 };
    let other_format = bench.client.framebuffer(WIDTH, HEIGHT, b"AR24");
    let small = bench.client.framebuffer(64, 64, b"XR24");
    let wrong = [
        (PageFlip { flags: 0x10, ..good }, Errno::INVAL),
        (PageFlip { flags: 2, ..good }, Errno::INVAL),
        (PageFlip { reserved: 1, crtc: 0, ..good }, Errno::INVAL),
        (PageFlip { crtc: 0, ..good }, Errno::NOENT),
        (PageFlip { flags: 4, ..good }, Errno::INVAL),
        (PageFlip { crtc: crtc_id(1), ..good }, Errno::BUSY),
        (PageFlip { fb: 0, ..good }, Errno::NOENT),
        (PageFlip { fb: small, ..good }, Errno::NOSPC),
        (PageFlip { fb: other_format, ..good }, Errno::INVAL),
    ];
    for (asked, errno) in wrong {
        assert_eq!(bench.client.tell(ioctl::MODE_PAGE_FLIP, &asked), Err(errno), "{asked:?}");
    }
    assert_eq!(bench.client.tell(ioctl::MODE_PAGE_FLIP, &good), Ok(()));
}

#[test]
fn a_cursor_is_shown_moved_and_hidden_without_waiting() {
    let (bench, fb) = Bench::lit(Contract::Quiet);
    let handle = bench.client.dumb(64, 64);
    let cursor = Cursor { flags: 3, crtc: crtc_id(0), x: -5, y: 7, width: 64, height: 64, handle, ..Cursor::default() };
    assert_eq!(bench.client.tell(ioctl::MODE_CURSOR2, &cursor), Ok(()));
    let place = || bench.notes.scene.lock().unwrap().pipes[0].as_ref().unwrap().layers.last().unwrap().place;
    assert_eq!((bench.shown(0).unwrap().len(), place()), (2, (-5, 7)));
    let moved = Cursor { flags: 2, x: 10, y: 20, handle: 0, ..cursor };
    assert_eq!(bench.client.tell(ioctl::MODE_CURSOR, &moved), Ok(()));
    assert_eq!(place(), (10, 20));
    assert_eq!(bench.client.tell(ioctl::MODE_CURSOR, &Cursor { flags: 1, handle: 0, ..cursor }), Ok(()));
    assert_eq!(bench.shown(0), Some(vec![fb]));
    for wrong in [Cursor { flags: 0, ..cursor }, Cursor { flags: 4, ..cursor }, Cursor { width: 0, ..cursor }] {
        assert_eq!(bench.client.tell(ioctl::MODE_CURSOR2, &wrong), Err(Errno::INVAL));
    }
    assert_eq!(bench.client.tell(ioctl::MODE_CURSOR2, &Cursor { handle: 99, ..cursor }), Err(Errno::NOENT));
    assert_eq!(bench.client.tell(ioctl::MODE_CURSOR2, &Cursor { crtc: 0, ..cursor }), Err(Errno::NOENT));
    assert_eq!(bench.client.flip(0, fb, 1), Ok(()), "it is not waited for");
}

/// `drm_mode_cursor_universal`: a plane that shows nothing is nowhere, and the CRTC keeps the place of its cursor.
#[test]
fn a_cursor_that_is_hidden_is_nowhere_and_comes_back_to_its_place() {
    let (bench, _) = Bench::lit(Contract::Quiet);
    let handle = bench.client.dumb(64, 64);
    let cursor = Cursor { flags: 3, crtc: crtc_id(0), x: 5, y: 7, width: 64, height: 64, handle, ..Cursor::default() };
    let state = || {
        let asked = GetProperties { object: plane_id(1), kind: object::PLANE, ..GetProperties::default() };
        let count = bench.client.ask(ioctl::MODE_OBJ_GETPROPERTIES, &asked).unwrap().count;
        let asked = GetProperties { props: ARRAY, values: ARRAY + 0x100, count, ..asked };
        bench.client.tell(ioctl::MODE_OBJ_GETPROPERTIES, &asked).unwrap();
        let ids = bench.client.get::<u32>(ARRAY, count as usize);
        let values = bench.client.get::<u64>(ARRAY + 0x100, count as usize);
        [Property::CrtcX, Property::CrtcY, Property::CrtcW, Property::SrcW].map(|property| {
            let place = ids.iter().position(|id| *id == property.id()).unwrap();
            values[place]
        })
    };
    bench.client.tell(ioctl::MODE_CURSOR2, &cursor).unwrap();
    assert_eq!(state(), [5, 7, 64, 64 << 16]);
    bench.client.tell(ioctl::MODE_CURSOR, &Cursor { flags: 1, handle: 0, ..cursor }).unwrap();
    assert_eq!(state(), [0; 4]);
    bench.client.tell(ioctl::MODE_CURSOR, &Cursor { flags: 2, x: 30, y: 40, ..cursor }).unwrap();
    assert_eq!(state(), [0; 4], "nothing is moved");
    bench.client.tell(ioctl::MODE_CURSOR, &Cursor { flags: 1, ..cursor }).unwrap();
    assert_eq!(state(), [30, 40, 64, 64 << 16]);
}

#[test]
fn planes_are_set_one_by_one() {
    let (bench, _) = Bench::lit(Contract::Quiet);
    let second = bench.client.screenful();
    let good = SetPlane {
        plane: plane_id(0),
        crtc: crtc_id(0),
        fb: second,
        crtc_w: WIDTH,
        crtc_h: HEIGHT,
        src_w: WIDTH << 16,
        src_h: HEIGHT << 16,
        ..SetPlane::default()
    };
    let wrong = [
        (SetPlane { plane: 0, ..good }, Errno::NOENT),
        (SetPlane { fb: 12345, ..good }, Errno::NOENT),
        (SetPlane { crtc: 0, ..good }, Errno::NOENT),
        (SetPlane { crtc: crtc_id(1), ..good }, Errno::INVAL),
        (SetPlane { plane: plane_id(1), ..good }, Errno::INVAL),
        (SetPlane { crtc_w: u32::MAX, ..good }, Errno::RANGE),
        (SetPlane { crtc_x: i32::MAX, ..good }, Errno::RANGE),
        (SetPlane { src_x: 1, ..good }, Errno::NOSPC),
        (SetPlane { crtc_w: 10, ..good }, Errno::RANGE),
    ];
    for (asked, errno) in wrong {
        assert_eq!(bench.client.tell(ioctl::MODE_SETPLANE, &asked), Err(errno), "{asked:?}");
    }
    let (heard, _) = bench.client.begin_ask(ioctl::MODE_SETPLANE, &good);
    assert!(heard.is_waiting());
    bench.frame();
    heard.answer().unwrap();
    assert_eq!(bench.shown(0), Some(vec![second]));
    let (heard, _) = bench.client.begin_ask(ioctl::MODE_SETPLANE, &SetPlane { fb: 0, crtc: 0, ..good });
    bench.frame();
    heard.answer().unwrap();
    assert_eq!(bench.shown(0), Some(vec![]));
}

#[test]
fn dpms_turns_the_screen_off_and_on_again() {
    let (bench, fb) = Bench::lit(Contract::Quiet);
    let dpms = |value| SetConnector { value, property: Property::Dpms.id(), connector: connector_id(0) };
    bench.client.tell(ioctl::MODE_SETPROPERTY, &dpms(3)).unwrap();
    assert_eq!(bench.shown(0), None);
    let (heard, _) = bench.client.begin_ask(ioctl::MODE_SETPROPERTY, &dpms(0));
    bench.frame();
    heard.answer().unwrap();
    assert_eq!(bench.shown(0), Some(vec![fb]));
    assert_eq!(bench.client.tell(ioctl::MODE_SETPROPERTY, &dpms(4)), Err(Errno::INVAL));
}

#[test]
fn properties_are_set_if_they_may() {
    let bench = Bench::new();
    let set = |property: Property, object, kind, value| {
        let asked = SetProperty { value, property: property.id(), object, kind };
        bench.client.tell(ioctl::MODE_OBJ_SETPROPERTY, &asked)
    };
    assert_eq!(set(Property::Edid, connector_id(0), object::CONNECTOR, 0), Err(Errno::INVAL));
    assert_eq!(set(Property::LinkStatus, connector_id(0), object::CONNECTOR, 0), Ok(()));
    assert_eq!(set(Property::LinkStatus, connector_id(0), object::CRTC, 0), Err(Errno::NOENT));
    assert_eq!(set(Property::LinkStatus, crtc_id(0), object::CRTC, 0), Err(Errno::INVAL), "it has none");
    assert_eq!(set(Property::CrtcX, plane_id(0), object::PLANE, 1 << 40), Err(Errno::INVAL));
    assert_eq!(set(Property::CrtcX, plane_id(0), object::PLANE, 3), Ok(()));
}
