// From a request to its answer; knows no sockets.
import { type Answer, unsupportedMethod } from './answer.ts';
import { answerDirectory, answerMakeVacant } from './directory-routes.ts';
import { answerFile, answerPutVacant } from './file-routes.ts';
import { unknownJson } from './json-forms.ts';
import type { UnknownNode } from './nodes.ts';
import type { Services } from './services.ts';
import { answerStatus } from './status-route.ts';
import { answerUnlinked } from './unlinked-routes.ts';
import { type Place, walk } from './walk.ts';
import { badRequest, nodeFailure, WebError } from './web-error.ts';
import { operation, type WebRequest } from './web-request.ts';

function answerUnknown(request: WebRequest, node: UnknownNode, place: Place): Answer {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    throw unsupportedMethod(request.method);
  }
  const t = operation(request);
  if (t !== 'json') {
    throw badRequest(
      `GET unknown URI type: can only do t=info and t=json, not t=${t}.\nUsing a webapi server that supports a later version of Tahoe may help.`,
    );
  }
  if (!place.edge && /^URI:CHK-Verifier:/.test(request.segments[1] ?? '')) {
    throw nodeFailure(
      'builtins.AttributeError',
      "'CiphertextFileNode' object has no attribute 'get_write_uri'",
    );
  }
  const isInImmutable = place.edge !== undefined && place.edge.parent.kind !== 'mutable';
  const body = `${unknownJson(node, isInImmutable, place.metadata)}\n`;
  return { status: 200, headers: { 'content-type': 'text/plain' }, body };
}

async function answerUri(services: Services, request: WebRequest, path: readonly string[]): Promise<Answer> {
  const place = await walk(services, request, path);
  const { node } = place;
  switch (node?.kind) {
    case 'file':
      return answerFile(services, request, node, place);
    case 'directory':
      return answerDirectory(services, request, node, place);
    case 'unknown':
      return answerUnknown(request, node, place);
    default:
      return request.method === 'PUT' && operation(request) !== 'mkdir'
        ? answerPutVacant(services, request, place)
        : answerMakeVacant(services, request, place);
  }
}

/** Throws WebError for what can't be done, anything else for what went wrong here. */
export async function answerRequest(services: Services, request: WebRequest): Promise<Answer> {
  const [area = '', ...path] = request.segments;
  switch (area) {
    case '':
      return answerStatus(services, request);
    case 'uri':
    case 'cap':
      return path.length === 0 || path[0] === ''
        ? answerUnlinked(services, request)
        : answerUri(services, request, path);
    default:
      throw new WebError(404, 'Sorry. No luck finding that resource.', 'No Such Resource');
  }
}
