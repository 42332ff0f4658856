// cadaver, a WebDAV client of the command line, with a session that uses all that it can do: locks and properties too.
import { describe } from 'node:test';
import { carryClient, toolSkip } from './real-client.ts';

describe('cadaver', { skip: toolSkip('cadaver', 'cadaver') }, () => carryClient('cadaver.sh'));
