//! What there is: resources, connectors, encoders, planes, CRTCs (`drm_mode_object.c`, `drm_connector.c`, `drm_crtc.c`).

use super::{
    Format,
    kms::{Kms, Object, connector_id, crtc_id, encoder_id, plane_id},
    property::{Property, Values},
    reply::Reply,
    uapi::{
        GAMMA_SIZE, connector,
        layout::{
            CardResources, Connector, Crtc, Encoder, Field, GetBlob, GetPlane, GetProperties, Lessees, Lut, ModeInfo,
            PlaneResources, Property as Asked, PropertyEnum, name,
        },
        object, plane,
    },
};
use crate::Errno;

impl Kms {
    /// GETRESOURCES (`drm_mode_getresources`): as much as there is room for, and how much there is.
    pub(super) fn resources(&self, client: u64, mut asked: CardResources) -> Reply {
        let own = self.clients.get(&client).map(|client| client.framebuffers.iter().copied().collect::<Vec<_>>());
        let framebuffers = own.unwrap_or_default();
        let all = |id: fn(usize) -> u32| (0..self.pipes()).map(id).collect::<Vec<_>>();
        let (crtcs, connectors, encoders) = (all(crtc_id), all(connector_id), all(encoder_id));
        let reply = Reply::default()
            .fitting(asked.framebuffers, asked.count_framebuffers, &framebuffers)
            .fitting(asked.crtcs, asked.count_crtcs, &crtcs)
            .fitting(asked.encoders, asked.count_encoders, &encoders)
            .fitting(asked.connectors, asked.count_connectors, &connectors);
        asked.count_framebuffers = framebuffers.len() as u32;
        asked.count_crtcs = crtcs.len() as u32;
        asked.count_connectors = connectors.len() as u32;
        asked.count_encoders = encoders.len() as u32;
        (asked.min_width, asked.min_height) = (1, 1);
        (asked.max_width, asked.max_height) = self.description.largest;
        Reply { record: asked.to_bytes(), ..reply }
    }

    /// GETCONNECTOR (`drm_mode_getconnector`).
    pub(super) fn connector(&self, client: u64, mut asked: Connector) -> Result<Reply, Errno> {
        let Some(Object::Connector(number)) = self.object(asked.connector) else { return Err(Errno::NOENT) };
        let monitor = self.monitors[number].as_ref().map(|(monitor, _)| monitor);
        let modes: Vec<ModeInfo> =
            monitor.map_or_else(Vec::new, |it| it.modes.iter().map(|mode| mode.info()).collect());
        let (props, values) = self.properties_of(client, Object::Connector(number));
        let reply = Reply::default()
            .whole(asked.modes, asked.count_modes, modes.len(), modes.iter().flat_map(ModeInfo::to_bytes).collect())
            .fitting(asked.props, asked.count_props, &props)
            .fitting_values(asked.values, asked.count_props, &values)
            .whole(asked.encoders, asked.count_encoders, 1, encoder_id(number).to_ne_bytes().to_vec());
        (asked.count_modes, asked.count_props, asked.count_encoders) = (modes.len() as u32, props.len() as u32, 1);
        let used = self.state.connectors[number].crtc.is_some();
        asked.encoder = if used { encoder_id(number) } else { 0 };
        (asked.kind, asked.kind_number) = (connector::VIRTUAL, number as u32 + 1);
        asked.connection = if monitor.is_some() { connector::CONNECTED } else { connector::DISCONNECTED };
        (asked.mm_width, asked.mm_height) = monitor.map_or((0, 0), |monitor| monitor.size);
        (asked.subpixel, asked.pad) = (connector::SUBPIXEL_UNKNOWN, 0);
        Ok(Reply { record: asked.to_bytes(), ..reply })
    }

    /// GETENCODER (`drm_mode_getencoder`).
    pub(super) fn encoder(&self, mut asked: Encoder) -> Result<Reply, Errno> {
        let Some(Object::Encoder(number)) = self.object(asked.encoder) else { return Err(Errno::NOENT) };
        asked.kind = connector::ENCODER_VIRTUAL;
        asked.crtc = self.state.connectors[number].crtc.map_or(0, crtc_id);
        (asked.possible_crtcs, asked.possible_clones) = (self.all_crtcs(), 1 << number);
        Ok(Reply::of(asked.to_bytes()))
    }

    /// A bit for each.
    pub(super) fn all_crtcs(&self) -> u32 {
        ((1u64 << self.pipes()) - 1) as u32
    }

    /// GETCRTC (`drm_mode_getcrtc`).
    pub(super) fn get_crtc(&self, mut asked: Crtc) -> Result<Reply, Errno> {
        let number = self.crtc(asked.crtc)?;
        let primary = &self.state.planes[2 * number];
        asked.fb = primary.fb.as_ref().map_or(0, |fb| fb.id);
        (asked.x, asked.y) = (primary.src_x >> 16, primary.src_y >> 16);
        asked.gamma_size = GAMMA_SIZE;
        let mode = self.state.crtcs[number].mode;
        asked.mode_valid = mode.is_some().into();
        asked.mode = mode.map_or_else(ModeInfo::default, |(_, mode)| mode.info());
        Ok(Reply::of(asked.to_bytes()))
    }

    /// GETGAMMA (`drm_mode_gamma_get_ioctl`).
    pub(super) fn get_gamma(&self, asked: Lut) -> Result<Reply, Errno> {
        let number = self.crtc(asked.crtc)?;
        if asked.size != GAMMA_SIZE {
            return Err(Errno::INVAL);
        }
        // What was never set is as it is.
        let plain = || (0..GAMMA_SIZE).map(|step| [(step * 257) as u16; 3]).collect::<Vec<_>>();
        let table = self.state.crtcs[number].gamma.as_ref().map_or_else(plain, |(_, table)| table.to_vec());
        let colour = |index: usize| table.iter().flat_map(|step| step[index].to_ne_bytes()).collect::<Vec<_>>();
        let arrays = vec![(asked.red, colour(0)), (asked.green, colour(1)), (asked.blue, colour(2))];
        Ok(Reply { record: asked.to_bytes(), arrays, lend: None })
    }

    /// GETPLANERESOURCES (`drm_mode_getplane_res`): without `DRM_CLIENT_CAP_UNIVERSAL_PLANES` only overlays, of which there
    /// are none.
    pub(super) fn plane_resources(&self, client: u64, mut asked: PlaneResources) -> Reply {
        let universal = self.clients.get(&client).is_some_and(|client| client.universal_planes);
        let planes: Vec<u32> = (0..2 * self.pipes()).filter(|_| universal).map(plane_id).collect();
        let reply = Reply::default().fitting(asked.planes, asked.count, &planes);
        asked.count = planes.len() as u32;
        Reply { record: asked.to_bytes(), ..reply }
    }

    /// GETPLANE (`drm_mode_getplane`).
    pub(super) fn get_plane(&self, mut asked: GetPlane) -> Result<Reply, Errno> {
        let Some(Object::Plane(number)) = self.object(asked.plane) else { return Err(Errno::NOENT) };
        let state = &self.state.planes[number];
        let formats = formats_of(number);
        let codes = formats.iter().flat_map(|format| format.code().to_ne_bytes()).collect();
        let reply = Reply::default().whole(asked.formats, asked.count_formats, formats.len(), codes);
        asked.crtc = state.crtc.map_or(0, crtc_id);
        asked.fb = state.fb.as_ref().map_or(0, |fb| fb.id);
        (asked.possible_crtcs, asked.gamma_size) = (1 << (number / 2), 0);
        asked.count_formats = formats.len() as u32;
        Ok(Reply { record: asked.to_bytes(), ..reply })
    }

    /// OBJ_GETPROPERTIES (`drm_mode_obj_get_properties_ioctl`).
    pub(super) fn get_properties(&self, client: u64, mut asked: GetProperties) -> Result<Reply, Errno> {
        let object = self.object_of(asked.object, asked.kind)?;
        if attached(object).is_empty() {
            return Err(Errno::INVAL);
        }
        let (props, values) = self.properties_of(client, object);
        let reply = Reply::default().fitting(asked.props, asked.count, &props).fitting_values(
            asked.values,
            asked.count,
            &values,
        );
        asked.count = props.len() as u32;
        Ok(Reply { record: asked.to_bytes(), ..reply })
    }

    /// An object of that kind, or of any.
    ///
    /// # Errors
    /// ENOENT: there is none.
    pub(super) fn object_of(&self, id: u32, kind: u32) -> Result<Object, Errno> {
        let its = |found: Object| match found {
            Object::Property(_) => object::PROPERTY,
            Object::Plane(_) => object::PLANE,
            Object::Crtc(_) => object::CRTC,
            Object::Encoder(_) => object::ENCODER,
            Object::Connector(_) => object::CONNECTOR,
            Object::Framebuffer(_) => object::FB,
            Object::Blob(_) => object::BLOB,
        };
        self.object(id).filter(|found| kind == object::ANY || its(*found) == kind).ok_or(Errno::NOENT)
    }

    /// The properties of an object that this client is told of, and their values.
    fn properties_of(&self, client: u64, of: Object) -> (Vec<u32>, Vec<u64>) {
        let atomic = self.clients.get(&client).is_some_and(|client| client.atomic);
        let told = attached(of).iter().filter(|property| atomic || !property.is_atomic());
        told.map(|property| (property.id(), self.value(of, *property))).unzip()
    }

    fn value(&self, of: Object, property: Property) -> u64 {
        let signed = |number: i32| i64::from(number).cast_unsigned();
        match of {
            Object::Connector(number) => match property {
                Property::Edid => self.monitors[number].as_ref().map_or(0, |(_, edid)| (*edid).into()),
                Property::Dpms if self.state.connectors[number].off => connector::DPMS_OFF,
                Property::CrtcId => self.state.connectors[number].crtc.map_or(0, crtc_id).into(),
                _ => 0,
            },
            Object::Crtc(number) => match property {
                Property::Active => self.state.crtcs[number].active.into(),
                Property::ModeId => self.state.crtcs[number].mode.map_or(0, |(blob, _)| blob.into()),
                Property::GammaLut => self.state.crtcs[number].gamma.as_ref().map_or(0, |(blob, _)| (*blob).into()),
                Property::GammaLutSize => GAMMA_SIZE.into(),
                _ => 0,
            },
            Object::Plane(number) => {
                let state = &self.state.planes[number];
                match property {
                    Property::Kind => [plane::PRIMARY, plane::CURSOR][number % 2],
                    Property::FbId => state.fb.as_ref().map_or(0, |fb| fb.id.into()),
                    Property::InFenceFd => u64::MAX,
                    Property::CrtcId => state.crtc.map_or(0, crtc_id).into(),
                    Property::CrtcX => signed(state.crtc_x),
                    Property::CrtcY => signed(state.crtc_y),
                    Property::CrtcW => state.crtc_w.into(),
                    Property::CrtcH => state.crtc_h.into(),
                    Property::SrcX => state.src_x.into(),
                    Property::SrcY => state.src_y.into(),
                    Property::SrcW => state.src_w.into(),
                    Property::SrcH => state.src_h.into(),
                    Property::InFormats => self.in_formats_of(number).into(),
                    _ => 0,
                }
            }
            Object::Property(_) | Object::Encoder(_) | Object::Framebuffer(_) | Object::Blob(_) => 0,
        }
    }

    /// GETPROPERTY (`drm_mode_getproperty_ioctl`).
    pub(super) fn get_property(&self, mut asked: Asked) -> Result<Reply, Errno> {
        let property = Property::by_id(asked.property).ok_or(Errno::NOENT)?;
        let (text, values, _) = property.facts();
        let numbers = match values {
            Values::Range(least, most) => vec![least, most],
            Values::Signed(least, most) => vec![least.cast_unsigned(), most.cast_unsigned()],
            Values::Named(names) => names.iter().map(|(value, _)| *value).collect(),
            Values::Blob => Vec::new(),
            Values::Object(kind) => vec![kind.into()],
        };
        let names = if let Values::Named(names) = values { names } else { &[] };
        let fitting = names.len().min(asked.count_enums as usize);
        let enums = names[..fitting]
            .iter()
            .flat_map(|(value, text)| PropertyEnum { value: *value, name: name(text) }.to_bytes());
        let enums = enums.collect();
        let reply = Reply::default().fitting_values(asked.values, asked.count_values, &numbers).whole(
            asked.enums,
            asked.count_enums,
            0,
            enums,
        );
        (asked.flags, asked.name) = (property.flags(), name(text));
        (asked.count_values, asked.count_enums) = (numbers.len() as u32, names.len() as u32);
        Ok(Reply { record: asked.to_bytes(), ..reply })
    }

    /// GETPROPBLOB (`drm_mode_getblob_ioctl`).
    pub(super) fn get_blob(&self, mut asked: GetBlob) -> Result<Reply, Errno> {
        let blob = self.blobs.get(&asked.blob).ok_or(Errno::NOENT)?;
        let whole = asked.length as usize == blob.len();
        let arrays = if whole { vec![(asked.data, blob.to_vec())] } else { Vec::new() };
        asked.length = blob.len() as u32;
        Ok(Reply { record: asked.to_bytes(), arrays, lend: None })
    }

    /// LIST_LESSEES: there are none.
    pub(super) fn lessees(&self, mut asked: Lessees) -> Result<Reply, Errno> {
        if asked.pad != 0 {
            return Err(Errno::INVAL);
        }
        asked.count = 0;
        Ok(Reply::of(asked.to_bytes()))
    }
}

impl Reply {
    /// As [`fitting`](Reply::fitting), of values of properties.
    fn fitting_values(mut self, to: u64, room: u32, values: &[u64]) -> Self {
        let count = values.len().min(room as usize);
        self.arrays.push((to, values[..count].iter().flat_map(|value| value.to_ne_bytes()).collect()));
        self
    }
}

/// What plane `number` can show.
pub(super) fn formats_of(number: usize) -> &'static [Format] {
    if number % 2 == 1 { &Format::CURSOR } else { &Format::ALL }
}

/// The properties that an object has.
pub(super) fn attached(of: Object) -> &'static [Property] {
    match of {
        Object::Connector(_) => &Property::OF_CONNECTOR,
        Object::Plane(_) => &Property::OF_PLANE,
        Object::Crtc(_) => &Property::OF_CRTC,
        Object::Property(_) | Object::Encoder(_) | Object::Framebuffer(_) | Object::Blob(_) => &[],
    }
}

const _: () = assert!(PropertyEnum::SIZE == 40 && ModeInfo::SIZE == 68);
