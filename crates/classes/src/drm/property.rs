//! The properties of planes, CRTCs and connectors: `drm_mode_create_standard_properties` of `drm_mode_config.c`.

use super::uapi::{object, prop};

/// A property. Its id is its place in [`Property::ALL`], from 1 on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Property {
    Edid,
    Dpms,
    LinkStatus,
    NonDesktop,
    CrtcId,
    Kind,
    FbId,
    InFenceFd,
    CrtcX,
    CrtcY,
    CrtcW,
    CrtcH,
    SrcX,
    SrcY,
    SrcW,
    SrcH,
    InFormats,
    Active,
    ModeId,
    GammaLut,
    GammaLutSize,
}

/// What values it has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Values {
    Range(u64, u64),
    /// As two's complement.
    Signed(i64, i64),
    Named(&'static [(u64, &'static str)]),
    Blob,
    /// An object of that kind.
    Object(u32),
}

const DPMS: &[(u64, &str)] = &[(0, "On"), (1, "Standby"), (2, "Suspend"), (3, "Off")];
const LINK: &[(u64, &str)] = &[(0, "Good"), (1, "Bad")];
const KINDS: &[(u64, &str)] = &[(0, "Overlay"), (1, "Primary"), (2, "Cursor")];
const POSITION: Values = Values::Signed(i32::MIN as i64, i32::MAX as i64);
const LENGTH: Values = Values::Range(0, i32::MAX as u64);
const FIXED: Values = Values::Range(0, u32::MAX as u64);
const ATOMIC: u32 = prop::ATOMIC;
const SET: u32 = prop::IMMUTABLE;

impl Property {
    pub(super) const ALL: [Property; 21] = [
        Property::Edid,
        Property::Dpms,
        Property::LinkStatus,
        Property::NonDesktop,
        Property::CrtcId,
        Property::Kind,
        Property::FbId,
        Property::InFenceFd,
        Property::CrtcX,
        Property::CrtcY,
        Property::CrtcW,
        Property::CrtcH,
        Property::SrcX,
        Property::SrcY,
        Property::SrcW,
        Property::SrcH,
        Property::InFormats,
        Property::Active,
        Property::ModeId,
        Property::GammaLut,
        Property::GammaLutSize,
    ];
    pub(super) const OF_CONNECTOR: [Property; 5] =
        [Property::Edid, Property::Dpms, Property::LinkStatus, Property::NonDesktop, Property::CrtcId];
    pub(super) const OF_PLANE: [Property; 13] = [
        Property::Kind,
        Property::FbId,
        Property::InFenceFd,
        Property::CrtcId,
        Property::CrtcX,
        Property::CrtcY,
        Property::CrtcW,
        Property::CrtcH,
        Property::SrcX,
        Property::SrcY,
        Property::SrcW,
        Property::SrcH,
        Property::InFormats,
    ];
    pub(super) const OF_CRTC: [Property; 4] =
        [Property::Active, Property::ModeId, Property::GammaLut, Property::GammaLutSize];

    /// Its id among the card's objects.
    pub(super) fn id(self) -> u32 {
        self as u32 + 1
    }

    /// The one with that id.
    pub(super) fn by_id(id: u32) -> Option<Self> {
        Property::ALL.get(usize::try_from(id).ok()?.checked_sub(1)?).copied()
    }

    /// Its name, its values, and `DRM_MODE_PROP_IMMUTABLE` and `DRM_MODE_PROP_ATOMIC`.
    #[rustfmt::skip]
    pub(super) const fn facts(self) -> (&'static str, Values, u32) {
        match self {
            Property::Edid         => ("EDID",           Values::Blob,                       SET),
            Property::Dpms         => ("DPMS",           Values::Named(DPMS),                0),
            Property::LinkStatus   => ("link-status",    Values::Named(LINK),                0),
            Property::NonDesktop   => ("non-desktop",    Values::Range(0, 1),                SET),
            Property::CrtcId       => ("CRTC_ID",        Values::Object(object::CRTC),       ATOMIC),
            Property::Kind         => ("type",           Values::Named(KINDS),               SET),
            Property::FbId         => ("FB_ID",          Values::Object(object::FB),         ATOMIC),
            Property::InFenceFd    => ("IN_FENCE_FD",    Values::Signed(-1, i32::MAX as i64), ATOMIC),
            Property::CrtcX        => ("CRTC_X",         POSITION,                           ATOMIC),
            Property::CrtcY        => ("CRTC_Y",         POSITION,                           ATOMIC),
            Property::CrtcW        => ("CRTC_W",         LENGTH,                             ATOMIC),
            Property::CrtcH        => ("CRTC_H",         LENGTH,                             ATOMIC),
            Property::SrcX         => ("SRC_X",          FIXED,                              ATOMIC),
            Property::SrcY         => ("SRC_Y",          FIXED,                              ATOMIC),
            Property::SrcW         => ("SRC_W",          FIXED,                              ATOMIC),
            Property::SrcH         => ("SRC_H",          FIXED,                              ATOMIC),
            Property::InFormats    => ("IN_FORMATS",     Values::Blob,                       SET),
            Property::Active       => ("ACTIVE",         Values::Range(0, 1),                ATOMIC),
            Property::ModeId       => ("MODE_ID",        Values::Blob,                       ATOMIC),
            Property::GammaLut     => ("GAMMA_LUT",      Values::Blob,                       0),
            Property::GammaLutSize => ("GAMMA_LUT_SIZE", FIXED,                              SET),
        }
    }

    /// As GETPROPERTY says it.
    pub(super) fn flags(self) -> u32 {
        let (_, values, flags) = self.facts();
        flags
            | match values {
                Values::Range(..) => prop::RANGE,
                Values::Signed(..) => prop::SIGNED_RANGE,
                Values::Named(_) => prop::ENUM,
                Values::Blob => prop::BLOB,
                Values::Object(_) => prop::OBJECT,
            }
    }

    /// Whether only clients that know of atomic commits are told of it.
    pub(super) fn is_atomic(self) -> bool {
        self.flags() & prop::ATOMIC != 0
    }

    pub(super) fn is_immutable(self) -> bool {
        self.flags() & prop::IMMUTABLE != 0
    }

    /// Whether `value` is one of its values, as far as that can be said without the card's objects
    /// (`drm_property_change_valid_get`).
    pub(super) fn may_be(self, value: u64) -> bool {
        match self.facts().1 {
            Values::Range(least, most) => (least..=most).contains(&value),
            Values::Signed(least, most) => (least..=most).contains(&value.cast_signed()),
            Values::Named(names) => names.iter().any(|(known, _)| *known == value),
            Values::Blob | Values::Object(_) => u32::try_from(value).is_ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_found_by_its_id() {
        for (id, property) in (1..).zip(Property::ALL) {
            assert_eq!((property.id(), Property::by_id(id)), (id, Some(property)));
        }
        assert_eq!((Property::by_id(0), Property::by_id(22)), (None, None));
    }

    #[test]
    fn values_are_held_to_their_kind() {
        assert!(Property::Active.may_be(1) && !Property::Active.may_be(2));
        assert!(Property::InFenceFd.may_be(u64::MAX) && !Property::InFenceFd.may_be((-2i64).cast_unsigned()));
        assert!(Property::CrtcX.may_be((-5i64).cast_unsigned()) && !Property::CrtcX.may_be(1 << 31));
        assert!(Property::Dpms.may_be(3) && !Property::Dpms.may_be(4));
        assert!(Property::FbId.may_be(7) && !Property::FbId.may_be(1 << 32));
    }
}
