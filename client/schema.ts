/**
 * Checks what arrives with a validator of the application.
 *
 * @module
 */
import { HopwireError } from "./errors.ts";

/** Why a value does not match a {@link Schema}. */
export interface SchemaIssue {
  /** What is wrong, for people. */
  readonly message: string;
  /** Where in the value. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** What a {@link Schema} says of a value: the valid value, or what is wrong with it. */
export type SchemaResult<Value> =
  | { readonly value: Value; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

/**
 * A validator that follows Standard Schema v1 (https://standardschema.dev), such as those of Zod,
 * Valibot and ArkType. It must validate at once, not in a promise. A validator that converts to another
 * type does not compile, because a room sends and receives the same type.
 */
export interface Schema<Value> {
  /** The members that the standard defines. */
  readonly "~standard": {
    /** The version of the standard. */
    readonly version: 1;
    /** The name of the library. */
    readonly vendor: string;
    /** Validates a value. */
    validate(value: unknown): SchemaResult<Value> | Promise<SchemaResult<Value>>;
    /** The types of the values before and after validation; only for the compiler. */
    readonly types?: { readonly input: Value; readonly output: Value } | undefined;
  };
}

/**
 * Returns the value as the schema returns it. Without a schema, every value is valid.
 *
 * @throws {HopwireError} `invalid_content`, with what is wrong and where
 */
export function validated<Value>(schema: Schema<Value> | undefined, value: unknown): Value {
  if (schema === undefined) return value as Value;
  const result = resultOf(schema, value);
  if (result.issues === undefined) return result.value;
  const texts = result.issues.map(({ message, path = [] }) => {
    const keys = path.map((part) => String(typeof part === "object" ? part.key : part));
    return [...keys, message].join(": ");
  });
  throw new HopwireError("invalid_content", texts.join("; "));
}

function resultOf<Value>(schema: Schema<Value>, value: unknown): SchemaResult<Value> {
  try {
    const result = schema["~standard"].validate(value);
    if (!(result instanceof Promise)) return result;
    return { issues: [{ message: "the schema is asynchronous, which is not supported" }] };
  } catch (error) {
    return { issues: [{ message: String(error) }] };
  }
}
