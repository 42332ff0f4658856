// What counts as one address where tries are counted.
/** What counts as one address: an IPv6 customer has a whole /64 to guess from. */
export function addressGroup(remoteAddress: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(remoteAddress);
  if (mapped?.[1] !== undefined) {
    return mapped[1];
  }
  if (!remoteAddress.includes(':')) {
    return remoteAddress;
  }
  const [head = '', tail] = remoteAddress.toLowerCase().replace(/%.*$/, '').split('::');
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    const tailGroups = tail === '' ? [] : tail.split(':');
    groups.push(
      ...Array<string>(Math.max(0, 8 - groups.length - tailGroups.length)).fill('0'),
      ...tailGroups,
    );
  }
  return `${groups.slice(0, 4).join(':')}::/64`;
}
