/**
 * How long things may be that go over a link: one place, so that what is accepted at the door also fits a frame.
 *
 * A value that no frame could carry would be dropped by its own leader on the way to the followers, for ever.
 * `MAX_VALUE_BYTES` leaves room for the key, the content type and every header around it; a test holds the two
 * together with the longest command that there can be. Knows no socket and no setting.
 */
const MIB = 1024 * 1024;

/** Longest frame that a link sends or accepts. */
export const MAX_FRAME_BYTES = 32 * MIB;

/** A frame that has grown beyond this is closed, and another begun. */
export const SPLIT_FRAME_BYTES = 4 * MIB;

/** Longest value that may be stored, whatever is configured. */
export const MAX_VALUE_BYTES = 16 * MIB;
