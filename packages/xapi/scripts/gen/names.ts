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

/** `vm_power_state` → `VmPowerState`, `VM_guest_metrics` → `VMGuestMetrics`. */
export function pascal(name: string): string {
  return name.replaceAll(/(?:^|_)(\w)/g, (_, letter: string) => letter.toUpperCase())
}

/** A doc comment on one line, or nothing when there is nothing to say. */
export function doc(indent: string, ...parts: readonly string[]): string {
  const text = parts.join('').trim()
  return text === '' ? '' : `${indent}/** ${text} */\n`
}
