/** The one codec of the fleet: callers must read and write what workers do, so it lives with the client. */
export { createCodec, payloadCodec } from '../ops/client/codec.ts';
