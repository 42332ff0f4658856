// How long a URL may be: one number for what is asked for and for what a thing is moved to, so that nothing gets a name
// that nobody could ask for.

/** Characters of a request's target. RFC 9110, 4.1, wants 8000 at least; a name of 255 bytes in escapes has 765. */
export const URL_MAX_CHARS = 8_192;
