//! A TPM's side of the protocol: a command and its response, which are data and nothing else.

/// The header of a response: tag, length of the whole, code; big-endian (TPM 2.0 library, part 1, "Response Structure").
pub(crate) const HEADER: usize = 10;

/// How long a response says that it is, if it is one at all.
pub(crate) fn length(response: &[u8]) -> Option<u32> {
    let (header, _) = response.split_first_chunk::<HEADER>()?;
    Some(u32::from_be_bytes([header[2], header[3], header[4], header[5]]))
}

/// Whether it is a whole response: of the length that it says.
pub(crate) fn is_whole(response: &[u8]) -> bool {
    length(response).is_some_and(|length| length as usize == response.len())
}
