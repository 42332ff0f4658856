import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { projectDir } from '../project.ts';

interface Instruction {
  readonly word: string;
  readonly rest: string;
}

/** Instructions stage by stage; comments dropped, continued lines joined. */
function parse(text: string): readonly (readonly Instruction[])[] {
  const lines = text
    .split('\n')
    .filter((line) => !/^\s*#/.test(line))
    .join('\n')
    .replaceAll(/\\\n\s*/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '');
  const stages: Instruction[][] = [];
  for (const line of lines) {
    const [, word = '', rest = ''] = /^(\S+)\s+(.*)$/.exec(line) ?? [];
    if (word === 'FROM') {
      stages.push([]);
    }
    stages.at(-1)?.push({ word, rest });
  }
  return stages;
}

function restsOf(stage: readonly Instruction[], wanted: string): readonly string[] {
  return stage.filter(({ word }) => word === wanted).map(({ rest }) => rest);
}

describe('Dockerfile', () => {
  const text = readFileSync(join(projectDir, 'Dockerfile'), 'utf8');
  const stages = parse(text);
  const [builder = [], image = []] = stages;

  test('builds in one stage and runs in another on the same base', () => {
    assert.equal(stages.length, 2);
    const bases = stages.map((stage) => restsOf(stage, 'FROM')[0]?.split(' ')[0]);
    assert.match(bases[0] ?? '', /^node:\d+-bookworm-slim$/);
    assert.equal(bases[1], bases[0]);
  });

  test('has a compiler where it builds only', () => {
    assert.match(restsOf(builder, 'RUN').join('\n'), /install .*python3 make g\+\+/);
    assert.doesNotMatch(restsOf(image, 'RUN').join('\n'), /apt-get|npm/);
    assert.deepEqual(
      restsOf(image, 'COPY').filter((rest) => !rest.startsWith('--from=builder ')),
      [],
    );
  });

  test('runs as a user without rights, set after the last step that needs them', () => {
    assert.deepEqual(restsOf(image, 'USER'), ['node']);
    const words = image.map(({ word }) => word);
    assert.ok(words.lastIndexOf('RUN') < words.indexOf('USER'));
  });

  test('serves on all addresses and leaves out --no-auth, so that an account must be given', () => {
    assert.deepEqual(restsOf(image, 'ENTRYPOINT'), ['["tahoe-webdav"]']);
    assert.deepEqual(restsOf(image, 'CMD'), ['["serve", "--addr", ":8080"]']);
    assert.deepEqual(restsOf(image, 'EXPOSE'), ['8080']);
    assert.doesNotMatch(text, /no-auth/i);
  });

  test('keeps data, cache and the cap of the root in volumes that the user owns', () => {
    assert.deepEqual(restsOf(image, 'VOLUME'), ['["/data", "/cache", "/config"]']);
    const env = restsOf(image, 'ENV').join(' ');
    assert.match(env, /TAHOE_WEBDAV_DATA_DIR=\/data\b/);
    assert.match(env, /XDG_CONFIG_HOME=\/config\b/);
    assert.match(env, /TAHOE_WEBDAV_CACHE_DIR=\/cache\b/);
    assert.match(
      restsOf(image, 'RUN').join('\n'),
      /install -d -o node -g node -m 700 \/data \/cache \/config/,
    );
    const made = image.findIndex(({ word, rest }) => word === 'RUN' && rest.includes('/data /cache'));
    assert.ok(made < image.findIndex(({ word }) => word === 'VOLUME'));
  });

  test('finds all that it copies in the build context', () => {
    const [first, ...kept] = readFileSync(join(projectDir, '.dockerignore'), 'utf8').trim().split('\n');
    assert.equal(first, '*');
    const copied = restsOf(builder, 'COPY').flatMap((rest) => rest.split(' ').slice(0, -1));
    assert.deepEqual(copied.map((name) => `!${name}`).sort(), kept.sort());
    assert.deepEqual(
      copied.filter((name) => !existsSync(join(projectDir, name))),
      [],
    );
  });

  for (const [status, code] of [
    [200, 0],
    [503, 1],
    [undefined, 1],
  ] as const) {
    test(`calls the server ${code === 0 ? 'healthy' : 'ill'} at ${status ?? 'no answer'}`, async () => {
      const [check = ''] = restsOf(image, 'HEALTHCHECK');
      const [program, flag, script = ''] = JSON.parse(check.slice(check.indexOf('['))) as string[];
      assert.deepEqual([program, flag], ['node', '-e']);
      const asked: (string | undefined)[] = [];
      const server = createServer((request, response) => {
        asked.push(request.url);
        response.writeHead(status ?? 200).end();
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as AddressInfo;
      if (status === undefined) {
        server.close();
      }
      const child = spawn(process.execPath, ['-e', script.replace('127.0.0.1:8080', `127.0.0.1:${port}`)]);
      await once(child, 'exit');
      server.close();
      assert.equal(child.exitCode, code);
      assert.deepEqual(asked, status === undefined ? [] : ['/-/healthz']);
    });
  }
});
