//! What there is.

use super::bench::{ARRAY, Bench, mode_info, primary};
use crate::{
    Errno,
    drm::{
        kms::{connector_id, crtc_id, encoder_id, plane_id},
        property::Property,
        uapi::{
            connector, ioctl,
            layout::{
                CardResources, Connector, Crtc, Encoder, Field, GetBlob, GetPlane, GetProperties, Lut, ModeInfo,
                PlaneResources, Property as Asked, PropertyEnum, name,
            },
            object,
        },
    },
};

#[test]
fn resources_are_counted_and_told_as_far_as_there_is_room() {
    let bench = Bench::new();
    let counted = bench.client.ask(ioctl::MODE_GETRESOURCES, &CardResources::default()).unwrap();
    assert_eq!((counted.count_crtcs, counted.count_connectors, counted.count_encoders), (2, 2, 2));
    assert_eq!((counted.min_width, counted.max_width, counted.count_framebuffers), (1, 4096, 0));
    bench.client.put(ARRAY, &[0xeeee_eeee_u32; 3]);
    let asked = CardResources { connectors: ARRAY, count_connectors: 1, ..counted };
    let asked = CardResources { crtcs: 0, encoders: 0, count_crtcs: 0, count_encoders: 0, ..asked };
    let found = bench.client.ask(ioctl::MODE_GETRESOURCES, &asked).unwrap();
    assert_eq!(found.count_connectors, 2);
    assert_eq!(bench.client.get::<u32>(ARRAY, 2), [connector_id(0), 0xeeee_eeee]);
    let fb = bench.client.screenful();
    let asked = CardResources { framebuffers: ARRAY, count_framebuffers: 4, ..CardResources::default() };
    assert_eq!(bench.client.ask(ioctl::MODE_GETRESOURCES, &asked).unwrap().count_framebuffers, 1);
    assert_eq!(bench.client.get::<u32>(ARRAY, 1), [fb]);
    let wild = CardResources { crtcs: crate::client::WILD, count_crtcs: 2, ..CardResources::default() };
    assert_eq!(bench.client.tell(ioctl::MODE_GETRESOURCES, &wild), Err(Errno::FAULT));
}

#[test]
fn a_connector_says_what_hangs_on_it() {
    let bench = Bench::new();
    let asked = Connector { connector: connector_id(1), ..Connector::default() };
    let found = bench.client.ask(ioctl::MODE_GETCONNECTOR, &asked).unwrap();
    assert_eq!((found.connection, found.kind, found.kind_number), (connector::CONNECTED, 15, 2));
    assert_eq!((found.count_modes, found.count_encoders, found.encoder), (1, 1, 0));
    assert_eq!((found.mm_width, found.mm_height), (170, 127));
    let whole =
        Connector { modes: ARRAY, encoders: ARRAY + 0x200, props: ARRAY + 0x300, values: ARRAY + 0x400, ..found };
    bench.client.ask(ioctl::MODE_GETCONNECTOR, &whole).unwrap();
    let [mode] = bench.client.get::<ModeInfo>(ARRAY, 1)[..] else { panic!("one") };
    assert_eq!((mode.hdisplay, mode.kind), (640, 0x48));
    assert_eq!(bench.client.get::<u32>(ARRAY + 0x200, 1), [encoder_id(1)]);
    let props = bench.client.get::<u32>(ARRAY + 0x300, found.count_props as usize);
    assert_eq!(props, Property::OF_CONNECTOR.map(Property::id));
    let none = Connector { connector: crtc_id(0), ..Connector::default() };
    assert_eq!(bench.client.tell(ioctl::MODE_GETCONNECTOR, &none), Err(Errno::NOENT));
}

#[test]
fn who_does_not_know_of_atomic_commits_is_not_told_of_their_properties() {
    let bench = Bench::new();
    let other = bench.open(true);
    let asked = Connector { connector: connector_id(0), ..Connector::default() };
    assert_eq!(other.ask(ioctl::MODE_GETCONNECTOR, &asked).unwrap().count_props, 4);
    assert_eq!(bench.client.ask(ioctl::MODE_GETCONNECTOR, &asked).unwrap().count_props, 5);
    let asked = GetProperties { object: primary(0), kind: object::PLANE, ..GetProperties::default() };
    assert_eq!(other.ask(ioctl::MODE_OBJ_GETPROPERTIES, &asked).unwrap().count, 2, "type, IN_FORMATS");
    assert_eq!(bench.client.ask(ioctl::MODE_OBJ_GETPROPERTIES, &asked).unwrap().count, 13);
    let planes = |client: &super::bench::Client| {
        client.ask(ioctl::MODE_GETPLANERESOURCES, &PlaneResources::default()).unwrap().count
    };
    assert_eq!((planes(&other), planes(&bench.client)), (0, 4));
}

#[test]
fn the_edid_is_a_blob_that_can_be_read() {
    let bench = Bench::new();
    let (props, values) = (ARRAY, ARRAY + 0x100);
    let asked = GetProperties { props, values, count: 9, object: connector_id(0), kind: object::CONNECTOR };
    let found = bench.client.ask(ioctl::MODE_OBJ_GETPROPERTIES, &asked).unwrap();
    let ids = bench.client.get::<u32>(props, found.count as usize);
    let at = ids.iter().position(|id| *id == Property::Edid.id()).unwrap();
    let blob = bench.client.get::<u64>(values, found.count as usize)[at] as u32;
    let length = bench.client.ask(ioctl::MODE_GETPROPBLOB, &GetBlob { blob, ..GetBlob::default() }).unwrap().length;
    assert_eq!(length, 128);
    let whole = GetBlob { blob, length, data: ARRAY };
    bench.client.ask(ioctl::MODE_GETPROPBLOB, &whole).unwrap();
    assert_eq!(bench.client.arena.get(ARRAY, 8), [0, 255, 255, 255, 255, 255, 255, 0]);
    assert_eq!(bench.client.number(ioctl::MODE_DESTROYPROPBLOB, blob), Err(Errno::PERM), "it is the card's");
    let none = GetBlob { blob: 9999, ..GetBlob::default() };
    assert_eq!(bench.client.tell(ioctl::MODE_GETPROPBLOB, &none), Err(Errno::NOENT));
}

#[test]
fn encoders_and_planes_say_what_they_can() {
    let bench = Bench::new();
    let encoder = Encoder { encoder: encoder_id(1), ..Encoder::default() };
    let found = bench.client.ask(ioctl::MODE_GETENCODER, &encoder).unwrap();
    assert_eq!((found.kind, found.crtc, found.possible_crtcs, found.possible_clones), (5, 0, 0b11, 0b10));
    assert_eq!(bench.client.tell(ioctl::MODE_GETENCODER, &Encoder::default()), Err(Errno::NOENT));
    let plane = |number| GetPlane { plane: plane_id(number), formats: ARRAY, count_formats: 4, ..GetPlane::default() };
    let cursor = bench.client.ask(ioctl::MODE_GETPLANE, &plane(3)).unwrap();
    assert_eq!((cursor.possible_crtcs, cursor.count_formats), (0b10, 1));
    assert_eq!(bench.client.arena.get(ARRAY, 4), *b"AR24");
    assert_eq!(bench.client.ask(ioctl::MODE_GETPLANE, &plane(0)).unwrap().count_formats, 4);
}

#[test]
fn properties_say_what_values_they_have() {
    let bench = Bench::new();
    let ask = |property: Property| {
        let asked = Asked {
            property: property.id(),
            values: ARRAY,
            enums: ARRAY + 0x100,
            count_values: 8,
            count_enums: 8,
            ..Asked::default()
        };
        bench.client.ask(ioctl::MODE_GETPROPERTY, &asked).unwrap()
    };
    let kind = ask(Property::Kind);
    assert_eq!((kind.name, kind.flags, kind.count_values, kind.count_enums), (name("type"), 0x0c, 3, 3));
    assert_eq!(bench.client.get::<PropertyEnum>(ARRAY + 0x100, 3)[2], PropertyEnum { value: 2, name: name("Cursor") });
    bench.client.put(ARRAY, &[9u64; 3]);
    let little = Asked { property: Property::Kind.id(), values: ARRAY, count_values: 1, ..Asked::default() };
    assert_eq!(bench.client.ask(ioctl::MODE_GETPROPERTY, &little).unwrap().count_values, 3);
    assert_eq!(bench.client.get::<u64>(ARRAY, 2), [0, 9], "as far as there is room");
    let place = ask(Property::CrtcX);
    assert_eq!((place.flags, place.count_values), (0x8000_0080, 2));
    assert_eq!(bench.client.get::<u64>(ARRAY, 2), [i64::from(i32::MIN).cast_unsigned(), i32::MAX as u64]);
    assert_eq!(ask(Property::ModeId).flags, 0x8000_0010);
    let crtc = ask(Property::CrtcId);
    assert_eq!((crtc.flags, bench.client.get::<u64>(ARRAY, 1)[0]), (0x8000_0040, object::CRTC.into()));
    let none = Asked { property: crtc_id(0), ..Asked::default() };
    assert_eq!(bench.client.tell(ioctl::MODE_GETPROPERTY, &none), Err(Errno::NOENT));
}

#[test]
fn objects_are_found_by_their_kind() {
    let bench = Bench::new();
    let ask = |object, kind| {
        let asked = GetProperties { object, kind, ..GetProperties::default() };
        bench.client.ask(ioctl::MODE_OBJ_GETPROPERTIES, &asked).map(|found| found.count)
    };
    assert_eq!(ask(crtc_id(0), object::CRTC), Ok(4));
    assert_eq!(ask(crtc_id(0), object::ANY), Ok(4));
    assert_eq!(ask(crtc_id(0), object::PLANE), Err(Errno::NOENT));
    assert_eq!(ask(encoder_id(0), object::ENCODER), Err(Errno::INVAL), "it has none");
    assert_eq!(ask(12345, object::ANY), Err(Errno::NOENT));
}

#[test]
fn a_crtc_says_what_it_shows() {
    let (bench, fb) = Bench::lit(crate::Contract::Quiet);
    let asked = Crtc { crtc: crtc_id(0), ..Crtc::default() };
    let found = bench.client.ask(ioctl::MODE_GETCRTC, &asked).unwrap();
    assert_eq!((found.fb, found.mode_valid, found.gamma_size), (fb, 1, 256));
    assert_eq!(found.mode, mode_info());
    let dark = bench.client.ask(ioctl::MODE_GETCRTC, &Crtc { crtc: crtc_id(1), ..Crtc::default() }).unwrap();
    assert_eq!((dark.fb, dark.mode_valid, dark.mode), (0, 0, ModeInfo::default()));
    assert_eq!(bench.client.tell(ioctl::MODE_GETCRTC, &Crtc::default()), Err(Errno::NOENT));
}

#[test]
fn gamma_is_as_it_is_until_it_is_set() {
    let (bench, _) = Bench::lit(crate::Contract::Quiet);
    let (red, green, blue) = (ARRAY, ARRAY + 0x200, ARRAY + 0x400);
    let asked = Lut { crtc: crtc_id(0), size: 256, red, green, blue };
    bench.client.ask(ioctl::MODE_GETGAMMA, &asked).unwrap();
    assert_eq!(bench.client.get::<u16>(green, 256)[255], 0xffff);
    bench.client.put(red, &[7u16; 256]);
    let (heard, _) = bench.client.begin_ask(ioctl::MODE_SETGAMMA, &asked);
    bench.frame();
    heard.answer().unwrap();
    let shown = bench.notes.scene.lock().unwrap().pipes[0].clone().unwrap().gamma.unwrap();
    assert_eq!(shown[255], [7, 0xffff, 0xffff]);
    bench.client.put(red, &[0u16; 256]);
    bench.client.ask(ioctl::MODE_GETGAMMA, &asked).unwrap();
    assert_eq!(bench.client.get::<u16>(red, 2), [7, 7]);
    for wrong in [Lut { size: 255, ..asked }, Lut { size: 0, ..asked }] {
        assert_eq!(bench.client.tell(ioctl::MODE_GETGAMMA, &wrong), Err(Errno::INVAL));
        assert_eq!(bench.client.tell(ioctl::MODE_SETGAMMA, &wrong), Err(Errno::INVAL));
    }
    assert_eq!(Lut::SIZE, 32);
}
