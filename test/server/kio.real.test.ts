// kio: what KDE's Dolphin and the programs of that desktop reach a server by, driven by kioclient5. It has nobody to ask for
// a password, so only a server that wants none is met; test/played has its requests with an account.
import { describe } from 'node:test';
import { embeddedGrid, realGrid } from './grids.ts';
import { carryWithoutAccount, toolSkip } from './real-client.ts';

const skip = toolSkip('kioclient5', 'kde-cli-tools') || toolSkip('dbus-run-session', 'dbus');

describe('kio', { skip }, () => carryWithoutAccount('kio.sh', [embeddedGrid, realGrid]));
