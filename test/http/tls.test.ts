import assert from 'node:assert/strict';
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { hasCode } from '../../src/base/errors.ts';
import { TlsFiles, type TlsMaterial } from '../../src/http/tls.ts';
import { makeSelfSigned, type SelfSigned } from '../../src/seal/self-signed.ts';
import { logLines } from '../fakes/log-lines.ts';
import { ManualClock } from '../fakes/manual-clock.ts';
import { type TemporaryFolder, temporaryFolder } from '../fakes/temporary-folder.ts';

const LOOK_EVERY_MS = 10_000;

function makePair(): Promise<SelfSigned> {
  return makeSelfSigned({ hosts: ['localhost'], fromMs: Date.now(), days: 90 });
}

interface Scene extends AsyncDisposable {
  readonly files: TlsFiles;
  readonly shown: TlsMaterial[];
  readonly complaints: () => number;
  /** As certbot does it: the new pair lies elsewhere, and links are turned to it. */
  install(pair: SelfSigned): Promise<void>;
  write(half: keyof SelfSigned, text: string): Promise<void>;
  look(): Promise<void>;
}

async function makeScene(first: SelfSigned): Promise<Scene> {
  const folder: TemporaryFolder = await temporaryFolder();
  const clock = new ManualClock();
  const { log, lines } = logLines();
  const shown: TlsMaterial[] = [];
  let version = 0;
  const install = async (pair: SelfSigned): Promise<void> => {
    version += 1;
    await mkdir(folder.file(`archive${version}`));
    for (const half of ['key', 'cert'] as const) {
      await writeFile(folder.file(`archive${version}/${half}`), pair[half]);
      await symlink(folder.file(`archive${version}/${half}`), folder.file(`${half}.new`));
      await rename(folder.file(`${half}.new`), folder.file(half));
    }
  };
  await install(first);
  const options = { certFile: folder.file('cert'), keyFile: folder.file('key') };
  const files = await TlsFiles.open(options, { clock, log });
  files.watch((material) => shown.push(material));
  return {
    files,
    shown,
    complaints: () => lines.filter(({ level }) => level >= 40).length,
    install,
    write: (half, text) => writeFile(folder.file(half), text),
    look: async () => {
      await clock.advance(LOOK_EVERY_MS);
      while (clock.waiting === 0) {
        await delay(5); // it reads the files
      }
    },
    [Symbol.asyncDispose]: async () => {
      files.stop();
      await rm(folder.path, { recursive: true });
    },
  };
}

describe('TlsFiles', () => {
  test('takes up a pair that links are turned to, and tells of nothing else', async () => {
    const [first, second] = [await makePair(), await makePair()];
    await using scene = await makeScene(first);
    await scene.look();
    assert.equal(scene.shown.length, 0);
    await scene.install(first); // others, of the same content
    await scene.look();
    assert.equal(scene.shown.length, 0);
    await scene.install(second);
    await scene.look();
    assert.deepEqual(
      scene.shown.map(({ cert }) => cert.toString()),
      [second.cert],
    );
    assert.equal(scene.files.material.key.toString(), second.key);
  });

  test('keeps the old pair while half of it is replaced, and says so once', async () => {
    const [first, second] = [await makePair(), await makePair()];
    await using scene = await makeScene(first);
    await scene.write('cert', second.cert);
    await scene.look();
    await scene.look();
    assert.deepEqual([scene.shown.length, scene.complaints()], [0, 1]);
    assert.equal(scene.files.material.cert.toString(), first.cert);
    await scene.write('key', second.key);
    await scene.look();
    assert.deepEqual(
      scene.shown.map(({ key }) => key.toString()),
      [second.key],
    );
    await scene.write('cert', 'cut short');
    await scene.look();
    assert.equal(scene.complaints(), 2, 'another fault is told again');
  });

  test('takes a chain, and looks no more once it was stopped', async () => {
    const [first, second] = [await makePair(), await makePair()];
    await using scene = await makeScene({ ...first, cert: first.cert + second.cert });
    assert.equal(scene.files.material.cert.toString(), first.cert + second.cert);
    scene.files.stop();
    await scene.install(second);
    await scene.files.reload();
    assert.equal(scene.shown.length, 0);
  });

  test('refuses at the start what is no pair', async () => {
    const [first, second] = [await makePair(), await makePair()];
    await assert.rejects(makeScene({ cert: first.cert, key: second.key }), (error) =>
      hasCode(error, 'bad-config'),
    );
  });
});
