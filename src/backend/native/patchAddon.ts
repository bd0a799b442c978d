import { NativeError } from "./nativeError.js";

/**
 * Upstream's addon hands single strings to TensorFlow's operations. Those that do several steps at once, such as
 * `_MklNativeFusedMatMul`, are told by a list of strings which ones; this lets an array through as such a list.
 */
const BEFORE = `    case TF_ATTR_STRING: {
`;
const LIST = `      if (IsArray(env, nstatus, &js_value)) {
        uint32_t length;
        nstatus = napi_get_array_length(env, js_value, &length);
        ENSURE_NAPI_OK(env, nstatus);
        std::vector<std::string> strings(length);
        std::vector<const void *> values(length);
        std::vector<size_t> lengths(length);
        for (uint32_t i = 0; i < length; ++i) {
          napi_value element;
          nstatus = napi_get_element(env, js_value, i, &element);
          ENSURE_NAPI_OK(env, nstatus);
          nstatus = GetStringParam(env, element, strings[i]);
          ENSURE_NAPI_OK(env, nstatus);
          values[i] = strings[i].data();
          lengths[i] = strings[i].size();
        }
        TFE_OpSetAttrStringList(tfe_op, attr_name, values.data(), lengths.data(),
                                static_cast<int>(length));
        break;
      }
`;

/**
 * The source of `tfjs_backend.cc` with what it lacks.
 *
 * @throws NativeError when it is not the source that is expected.
 */
export function patchBackend(source: string): string {
  const parts = source.split(BEFORE);
  if (parts.length !== 2)
    throw new NativeError(
      "tfjs_backend.cc is not the one of @tensorflow/tfjs-node that is expected; install again",
    );
  return parts.join(BEFORE + LIST);
}
