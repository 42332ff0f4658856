// The libraries that Python programs speak WebDAV with, with all calls of their users.
import { describe } from 'node:test';
import { carryClient, toolSkip } from './real-client.ts';

describe('webdav4 and webdavclient3', { skip: toolSkip('python3', 'python3-venv') }, () =>
  carryClient('python-dav.py'),
);
