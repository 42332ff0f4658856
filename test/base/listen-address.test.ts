import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FsError } from '../../src/base/errors.ts';
import { isLocalOnly, parseListenAddress, showListenAddress } from '../../src/base/listen-address.ts';

describe('parseListenAddress', () => {
  // text, host or path, port, only this machine
  const good: Array<[string, string, number | undefined, boolean]> = [
    ['127.0.0.1:8080', '127.0.0.1', 8080, true],
    ['127.1.2.3:1', '127.1.2.3', 1, true],
    ['[::1]:8080', '::1', 8080, true],
    ['[0:0::1]:8080', '0:0::1', 8080, true],
    ['[::ffff:127.0.0.1]:1', '::ffff:127.0.0.1', 1, true],
    ['localhost:0', 'localhost', 0, true],
    ['LocalHost:0', 'localhost', 0, true],
    [':8080', '', 8080, false],
    ['0.0.0.0:80', '0.0.0.0', 80, false],
    ['[::]:80', '::', 80, false],
    ['[2001:db8::1]:80', '2001:db8::1', 80, false],
    ['[1::1]:80', '1::1', 80, false],
    ['192.0.2.1:65535', '192.0.2.1', 65535, false],
    ['nas.local:443', 'nas.local', 443, false],
    ['localhost.example:443', 'localhost.example', 443, false],
    ['unix:/run/x.sock', '/run/x.sock', undefined, true],
  ];
  for (const [text, host, port, isLocal] of good) {
    test(`reads ${text}`, () => {
      const address = parseListenAddress(text);
      assert.deepEqual(
        address,
        port === undefined ? { kind: 'unix', path: host } : { kind: 'tcp', host, port },
      );
      assert.equal(isLocalOnly(address), isLocal);
      assert.equal(showListenAddress(address), text.toLowerCase());
    });
  }
  const bad: Array<[string, RegExp]> = [
    ['', /HOST:PORT/],
    ['8080', /127\.0\.0\.1:8080 or :8080\?/],
    ['127.0.0.1', /127\.0\.0\.1:8080\?/],
    ['http://127.0.0.1:9000/', /^127\.0\.0\.1:9000\?/],
    ['*:8080', /^:8080 means every address/],
    ['::1', /\[::1\]:8080/],
    ['127.0.0.1:99999', /./],
    ['127.0.0.1:-1', /./],
    ['127.0.0.1:80a', /./],
    ['127.0.0.300:80', /./],
    ['[127.0.0.1]:80', /./],
    ['[::g]:80', /./],
    ['a b:80', /./],
    ['a/b:80', /./],
    ['unix:run/x.sock', /unix:\//],
    [`unix:/${'x'.repeat(107)}`, /^$/],
  ];
  for (const [text, hint] of bad) {
    test(`refuses ${JSON.stringify(text).slice(0, 40)}`, () => {
      assert.throws(
        () => parseListenAddress(text),
        (error) => error instanceof FsError && error.code === 'bad-config' && hint.test(error.hint ?? ''),
      );
    });
  }
});
