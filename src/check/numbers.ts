/**
 * Integers as values: decimal digits without leading zeros, so that equal numbers are equal values. At most 40 digits,
 * more than any counter has, so that reading one takes no time to speak of.
 */
const INTEGER = /^(?:0|-?[1-9]\d{0,39})$/;

export const isInteger = (value: string): boolean => INTEGER.test(value);

/** Undefined: not a number. */
export const numberOf = (value: string): bigint | undefined => (isInteger(value) ? BigInt(value) : undefined);
