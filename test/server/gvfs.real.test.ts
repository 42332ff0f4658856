// gvfs: what GNOME's Files and the programs of that desktop reach a server by, driven by its command gio.
import { describe } from 'node:test';
import { carryClient, carryWithoutAccount, toolSkip } from './real-client.ts';

const skip =
  toolSkip('gio', 'libglib2.0-bin') ||
  toolSkip('/usr/libexec/gvfsd-dav', 'gvfs-backends') ||
  toolSkip('dbus-run-session', 'dbus');

describe('gvfs', { skip }, () => {
  carryClient('gvfs.sh');
  carryWithoutAccount('gvfs.sh');
});
