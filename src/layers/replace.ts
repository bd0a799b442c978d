import type { AnyLayer } from "./layer.js";

/**
 * Puts other layers in the places of those below `root` for which `replace` gives one. What is below a replaced layer
 * is not visited. The old layers are not disposed.
 *
 * @param replace gets each layer with its state_dict path, parents first.
 * @throws TypeError when a layer is not held by a field of its parent.
 */
export function replaceLayers(
  root: AnyLayer,
  replace: (layer: AnyLayer, path: string) => AnyLayer | undefined,
  rootPath = "",
): void {
  for (const [name, child] of [...root.children()]) {
    const path = rootPath === "" ? name : `${rootPath}.${name}`;
    const other = replace(child, path);
    if (other === undefined) replaceLayers(child, replace, path);
    else if (!putInPlaceOf(root, child, other))
      throw new TypeError(`${path}: no field of its parent ${root.constructor.name} holds it`);
  }
}

function putInPlaceOf(parent: AnyLayer, old: AnyLayer, other: AnyLayer): boolean {
  const fields = parent as unknown as Record<string, unknown>;
  for (const [field, value] of Object.entries(fields)) {
    if (value === old) fields[field] = other;
    else if (Array.isArray(value) && value.includes(old)) value[value.indexOf(old)] = other;
    else continue;
    return true;
  }
  return false;
}
