/** Words that can't name a parameter or a tuple's label. */
const reserved = new Set(
  'break case catch class const continue debugger default delete do else enum export extends false finally for function if import in instanceof new null return super switch this throw true try typeof var void while with yield let static implements interface package private protected public await'.split(
    ' ',
  ),
)

/** An identifier for `name`: `current auth_type` → `current_auth_type`, `class` → `class_`. */
export function identifier(name: string): string {
  const plain = name.trim().replaceAll(/\W+/g, '_')
  return reserved.has(plain) ? `${plain}_` : plain
}
