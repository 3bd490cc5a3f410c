//! What clients make: buffers, framebuffers, blobs.

use super::bench::{ARRAY, Bench, primary};
use crate::{
    Access, Errno, Fault, MapCall, Memory, SharedMemory,
    client::{BASE, Heard, WILD},
    drm::{
        kms::crtc_id,
        uapi::{
            ioctl,
            layout::{
                CreateBlob, CreateDumb, Crtc, Dirty, Fb, Fb2, Field, Flink, GemOpen, GetBlob, MapDumb, Padded, Prime,
            },
            object,
        },
    },
};
use std::sync::{Arc, Mutex};

#[test]
fn a_dumb_buffer_is_mapped_by_its_offset() {
    let bench = Bench::new();
    let asked = CreateDumb { width: 100, height: 10, bpp: 16, ..CreateDumb::default() };
    let made = bench.client.ask(ioctl::MODE_CREATE_DUMB, &asked).unwrap();
    assert_eq!((made.handle, made.pitch, made.size), (1, 200, 4096));
    let map = MapDumb { handle: 1, ..MapDumb::default() };
    let offset = bench.client.ask(ioctl::MODE_MAP_DUMB, &map).unwrap().offset;
    assert_eq!(bench.client.ask(ioctl::MODE_MAP_DUMB, &map).unwrap().offset, offset, "it stays the same");
    assert_eq!(offset, 1 << 32);
    let second = bench.client.dumb(64, 64);
    let next = bench.client.ask(ioctl::MODE_MAP_DUMB, &MapDumb { handle: second, ..map }).unwrap().offset;
    assert_eq!(next, offset + 4096);
    let call = |offset, length| MapCall { offset, length, access: Access::ReadWrite, shared: true };
    let mapping = bench.client.file.map(&call(offset, 4096)).unwrap();
    mapping.memory.store(8, 7);
    assert_eq!(bench.client.file.map(&call(offset, 1)).unwrap().memory.load(8), 7);
    assert_eq!(bench.client.file.map(&call(offset, 4097)).err(), Some(Errno::INVAL));
    assert_eq!(bench.client.file.map(&call(0, 4096)).err(), Some(Errno::INVAL));
    assert_eq!(bench.client.file.map(&MapCall { shared: false, ..call(offset, 1) }).err(), Some(Errno::INVAL));
    assert_eq!(bench.client.file.map(&MapCall { access: Access::Write, ..call(offset, 1) }).err(), Some(Errno::ACCESS));
    let other = bench.open(true);
    assert_eq!(other.file.map(&call(offset, 1)).err(), Some(Errno::ACCESS), "it is somebody else's");
}

#[test]
fn what_is_no_buffer_is_refused() {
    let bench = Bench::new();
    let none = MapDumb { handle: 5, ..MapDumb::default() };
    assert_eq!(bench.client.tell(ioctl::MODE_MAP_DUMB, &none), Err(Errno::NOENT));
    assert_eq!(bench.client.number(ioctl::MODE_DESTROY_DUMB, 5), Err(Errno::INVAL));
    assert_eq!(bench.client.tell(ioctl::GEM_CLOSE, &Padded { number: 5, pad: 0 }), Err(Errno::INVAL));
    let empty = CreateDumb { width: 0, height: 1, bpp: 32, ..CreateDumb::default() };
    assert_eq!(bench.client.tell(ioctl::MODE_CREATE_DUMB, &empty), Err(Errno::INVAL));
    let handle = bench.client.dumb(1, 1);
    assert_eq!(bench.client.number(ioctl::MODE_DESTROY_DUMB, handle), Ok(()));
    assert_eq!(bench.client.number(ioctl::MODE_DESTROY_DUMB, handle), Err(Errno::INVAL));
    assert_eq!(bench.client.dumb(1, 1), handle, "numbers are the lowest that are free");
}

/// `framebuffer_check`, in its order.
#[test]
fn framebuffers_are_checked() {
    let bench = Bench::new();
    let handle = bench.client.dumb(64, 64);
    let good = Fb2 {
        width: 64,
        height: 64,
        format: u32::from_le_bytes(*b"XR24"),
        handles: [handle, 0, 0, 0],
        pitches: [256, 0, 0, 0],
        ..Fb2::default()
    };
    let add = |asked: Fb2| bench.client.ask(ioctl::MODE_ADDFB2, &asked).map(drop);
    assert_eq!(add(good), Ok(()));
    let wrong = [
        (Fb2 { flags: 4, ..good }, Errno::INVAL),
        (Fb2 { width: 0, ..good }, Errno::INVAL),
        (Fb2 { height: 4097, ..good }, Errno::INVAL),
        (Fb2 { format: 0, ..good }, Errno::INVAL),
        (Fb2 { format: u32::from_le_bytes(*b"NV12"), ..good }, Errno::INVAL),
        (Fb2 { handles: [0; 4], ..good }, Errno::INVAL),
        (Fb2 { pitches: [255, 0, 0, 0], ..good }, Errno::INVAL),
        (Fb2 { pitches: [u32::MAX, 0, 0, 0], ..good }, Errno::RANGE),
        (Fb2 { offsets: [u32::MAX, 0, 0, 0], ..good }, Errno::RANGE),
        (Fb2 { modifiers: [1, 0, 0, 0], ..good }, Errno::INVAL),
        (Fb2 { modifiers: [1, 0, 0, 0], flags: 2, ..good }, Errno::INVAL),
        (Fb2 { handles: [handle, handle, 0, 0], flags: 2, ..good }, Errno::INVAL),
        (Fb2 { handles: [77, 0, 0, 0], ..good }, Errno::NOENT),
        (Fb2 { height: 65, ..good }, Errno::INVAL),
        (Fb2 { offsets: [1, 0, 0, 0], ..good }, Errno::INVAL),
    ];
    for (asked, errno) in wrong {
        assert_eq!(add(asked), Err(errno), "{asked:?}");
    }
    assert_eq!(add(Fb2 { flags: 2, ..good }), Ok(()));
    let old = Fb { width: 64, height: 64, pitch: 256, bpp: 32, depth: 24, handle, ..Fb::default() };
    assert!(bench.client.ask(ioctl::MODE_ADDFB, &old).is_ok());
    assert_eq!(bench.client.tell(ioctl::MODE_ADDFB, &Fb { depth: 7, ..old }), Err(Errno::INVAL));
}

#[test]
fn a_framebuffer_says_what_it_is_and_its_buffer_to_the_master() {
    let bench = Bench::new();
    let fb = bench.client.framebuffer(64, 32, b"AR24");
    let found = bench.client.ask(ioctl::MODE_GETFB, &Fb { fb, ..Fb::default() }).unwrap();
    assert_eq!((found.width, found.height, found.pitch, found.bpp, found.depth), (64, 32, 256, 32, 32));
    assert_ne!(found.handle, 0);
    let other = bench.open(true);
    assert_eq!(other.ask(ioctl::MODE_GETFB, &Fb { fb, ..Fb::default() }).unwrap().handle, 0);
    let found = bench.client.ask(ioctl::MODE_GETFB2, &Fb2 { fb, ..Fb2::default() }).unwrap();
    assert_eq!((found.format, found.flags, found.pitches), (u32::from_le_bytes(*b"AR24"), 2, [256, 0, 0, 0]));
    assert_eq!(bench.client.tell(ioctl::MODE_GETFB, &Fb { fb: crtc_id(0), ..Fb::default() }), Err(Errno::NOENT));
    assert_eq!(other.number(ioctl::MODE_RMFB, fb), Err(Errno::NOENT), "it is not its own");
    assert_eq!(bench.client.number(ioctl::MODE_RMFB, fb), Ok(()));
    assert_eq!(bench.client.number(ioctl::MODE_RMFB, fb), Err(Errno::NOENT));
}

#[test]
fn a_framebuffer_keeps_its_buffer() {
    let bench = Bench::new();
    let handle = bench.client.dumb(64, 64);
    let mapping = bench.client.map(handle).unwrap();
    let fb = bench.client.add_fb2(handle, 64, 64, b"XR24").unwrap();
    bench.client.number(ioctl::MODE_DESTROY_DUMB, handle).unwrap();
    let again = bench.client.ask(ioctl::MODE_GETFB, &Fb { fb, ..Fb::default() }).unwrap().handle;
    mapping.memory.store(0, 9);
    assert_eq!(bench.client.map(again).unwrap().memory.load(0), 9);
    let memory = Arc::downgrade(&mapping.memory);
    drop(mapping);
    bench.client.number(ioctl::MODE_DESTROY_DUMB, again).unwrap();
    assert!(memory.upgrade().is_some());
    bench.client.number(ioctl::MODE_RMFB, fb).unwrap();
    assert!(memory.upgrade().is_none(), "the last one takes it along");
}

/// RMFB takes from the screen what it shows; CLOSEFB leaves it.
#[test]
fn closing_a_framebuffer_leaves_it_on_the_screen() {
    let (bench, fb) = Bench::lit(crate::Contract::Quiet);
    assert_eq!(bench.client.tell(ioctl::MODE_CLOSEFB, &Padded { number: fb, pad: 1 }), Err(Errno::INVAL));
    assert_eq!(bench.client.tell(ioctl::MODE_CLOSEFB, &Padded { number: fb, pad: 0 }), Ok(()));
    assert_eq!(bench.shown(0), Some(vec![fb]));
    assert!(bench.client.ask(ioctl::MODE_GETFB, &Fb { fb, ..Fb::default() }).is_ok());
    let second = bench.client.screenful();
    assert_eq!(bench.client.flip(0, second, 0), Ok(()));
    assert_eq!(bench.client.tell(ioctl::MODE_GETFB, &Fb { fb, ..Fb::default() }), Err(Errno::NOENT), "nobody needs it");
    assert_eq!(bench.client.number(ioctl::MODE_RMFB, second), Ok(()));
    assert_eq!(bench.shown(0), Some(vec![]), "the screen is on, and black");
    let asked = Crtc { crtc: crtc_id(0), ..Crtc::default() };
    assert_eq!(bench.client.ask(ioctl::MODE_GETCRTC, &asked).unwrap().fb, 0);
    assert_eq!(object::FB, 0xfbfb_fbfb);
}

#[test]
fn what_is_dirty_is_checked_and_nothing_is_done() {
    let bench = Bench::new();
    let fb = bench.client.framebuffer(64, 64, b"XR24");
    let dirty =
        |flags, count, clips| bench.client.tell(ioctl::MODE_DIRTYFB, &Dirty { fb, flags, color: 0, count, clips });
    assert_eq!(dirty(0, 0, 0), Ok(()));
    assert_eq!(dirty(0, 2, ARRAY), Ok(()));
    assert_eq!(dirty(0, 1, 0), Err(Errno::INVAL));
    assert_eq!(dirty(0, 0, ARRAY), Err(Errno::INVAL));
    assert_eq!(dirty(1, 3, ARRAY), Err(Errno::INVAL));
    assert_eq!(dirty(0, 257, ARRAY), Err(Errno::INVAL));
    assert_eq!(dirty(0, 1, WILD), Err(Errno::FAULT));
    assert_eq!(bench.client.tell(ioctl::MODE_DIRTYFB, &Dirty::default()), Err(Errno::NOENT));
}

#[test]
fn blobs_are_their_makers() {
    let bench = Bench::new();
    let blob = bench.client.blob(b"some bytes").unwrap();
    let other = bench.open(true);
    let found = other.ask(ioctl::MODE_GETPROPBLOB, &GetBlob { blob, length: 10, data: ARRAY }).unwrap();
    assert_eq!((found.length, other.arena.get(ARRAY, 10)), (10, b"some bytes".to_vec()));
    assert_eq!(other.number(ioctl::MODE_DESTROYPROPBLOB, blob), Err(Errno::PERM));
    assert_eq!(bench.client.number(ioctl::MODE_DESTROYPROPBLOB, blob), Ok(()));
    assert_eq!(bench.client.number(ioctl::MODE_DESTROYPROPBLOB, blob), Err(Errno::NOENT));
    let make = |data, length| bench.client.tell(ioctl::MODE_CREATEPROPBLOB, &CreateBlob { data, length, blob: 0 });
    assert_eq!(make(ARRAY, 0), Err(Errno::INVAL));
    assert_eq!(make(WILD, 1), Err(Errno::FAULT));
    assert_eq!(make(ARRAY, u32::MAX), Err(Errno::NOMEM), "without trying");
}

#[test]
fn buffers_are_found_by_their_names() {
    let bench = Bench::new();
    let handle = bench.client.dumb(64, 64);
    let name = bench.client.ask(ioctl::GEM_FLINK, &Flink { handle, name: 0 }).unwrap().name;
    assert_eq!(bench.client.ask(ioctl::GEM_FLINK, &Flink { handle, name: 0 }).unwrap().name, name);
    let opened = bench.client.ask(ioctl::GEM_OPEN, &GemOpen { name, ..GemOpen::default() }).unwrap();
    assert_eq!((opened.size, opened.handle), (16384, handle + 1));
    for handle in [handle, opened.handle] {
        bench.client.tell(ioctl::GEM_CLOSE, &Padded { number: handle, pad: 0 }).unwrap();
    }
    assert_eq!(bench.client.tell(ioctl::GEM_OPEN, &GemOpen { name, ..GemOpen::default() }), Err(Errno::NOENT));
}

/// A front that gives descriptors away, and knows them again.
struct Lender {
    bytes: Arc<crate::client::Arena>,
    lent: Mutex<Option<Arc<dyn SharedMemory>>>,
}

impl Memory for Lender {
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), Fault> {
        self.bytes.read(address, into)
    }
    fn write(&self, address: u64, from: &[u8]) -> Result<(), Fault> {
        self.bytes.write(address, from)
    }
    fn lend(&self, _: &dyn SharedMemory, writable: bool, close_on_exec: bool) -> Result<i32, Errno> {
        assert!(writable && close_on_exec);
        Ok(42)
    }
    fn lent(&self, descriptor: i32) -> Result<Arc<dyn SharedMemory>, Errno> {
        self.lent.lock().unwrap().clone().filter(|_| descriptor == 42).ok_or(Errno::BADF)
    }
}

#[test]
fn buffers_go_from_one_card_to_another() {
    let (from, to) = (Bench::new(), Bench::new());
    let handle = from.client.dumb(64, 64);
    let memory = from.client.map(handle).unwrap().memory;
    let ask = |bench: &Bench, command, asked: Prime| {
        let lender = Lender { bytes: bench.client.arena.clone(), lent: Mutex::new(Some(memory.clone())) };
        let mut bytes = vec![0; Prime::SIZE];
        asked.put(&mut bytes);
        bench.client.arena.put(BASE, &bytes);
        let heard = Heard::default();
        let call = crate::Call::Ioctl { command, argument: BASE };
        bench.client.file.call(call, Arc::new(lender), heard.ticket(None));
        heard.answer().map(|_| Prime::get(&bench.client.arena.get(BASE, Prime::SIZE)))
    };
    let flags = 0o2_000_002;
    let exported = ask(&from, ioctl::PRIME_HANDLE_TO_FD, Prime { handle, flags, fd: 0 }).unwrap();
    assert_eq!(exported.fd, 42);
    assert_eq!(ask(&from, ioctl::PRIME_HANDLE_TO_FD, Prime { handle, flags: 1, fd: 0 }), Err(Errno::INVAL));
    assert_eq!(ask(&from, ioctl::PRIME_HANDLE_TO_FD, Prime { handle: 9, flags: 0, fd: 0 }), Err(Errno::NOENT));
    let import = |bench: &Bench, fd| ask(bench, ioctl::PRIME_FD_TO_HANDLE, Prime { fd, ..Prime::default() });
    assert_eq!(import(&from, 42).unwrap().handle, handle, "it has it already");
    let imported = import(&to, 42).unwrap().handle;
    assert_eq!(import(&to, 42).unwrap().handle, imported);
    assert!(to.client.add_fb2(imported, 64, 64, b"XR24").is_ok());
    assert_eq!(to.client.map(imported).err(), Some(Errno::INVAL), "it is mapped where it is from");
    for wrong in [41, -1] {
        assert_eq!(import(&to, wrong), Err(Errno::BADF));
    }
    assert_eq!(to.client.tell(ioctl::PRIME_FD_TO_HANDLE, &exported), Err(Errno::OPNOTSUPP), "of a front that cannot");
}

/// A closed file leaves nothing behind, also not on the screen.
#[test]
fn who_leaves_takes_everything_along() {
    let (bench, fb) = Bench::lit(crate::Contract::Quiet);
    let blob = bench.client.blob(b"x").unwrap();
    let other = bench.open(true);
    let memory = Arc::downgrade(&bench.notes.scene.lock().unwrap().pipes[0].as_ref().unwrap().layers[0].framebuffer);
    let Bench { client, notes, .. } = bench;
    drop(client);
    let shown = notes.scene.lock().unwrap().pipes[0].clone().expect("it is on");
    assert_eq!((shown.layers.len(), memory.strong_count()), (0, 0));
    assert_eq!(other.tell(ioctl::MODE_GETFB, &Fb { fb, ..Fb::default() }), Err(Errno::NOENT));
    assert_eq!(other.tell(ioctl::MODE_GETPROPBLOB, &GetBlob { blob, ..GetBlob::default() }), Err(Errno::NOENT));
    assert_ne!(primary(0), 0);
}
