// Two WebDAV libraries of Python that scripts and backup programs are built on.
import { describe } from 'node:test';
import { carryClient, toolSkip } from './real-client.ts';

/** They come from PyPI: not asked for where nobody asks for real clients. */
const skip = process.env['REQUIRE_REAL'] === '1' ? false : 'REQUIRE_REAL=1 fetches them from PyPI';

describe('webdav4 and webdavclient3', { skip: toolSkip('python3', 'python3-venv') || skip }, () =>
  carryClient('python.sh'),
);
