// The roles of people in a circle, ascending: each may all that the ones before it may.

export const ROLES = ["outer", "inner", "owner", "facilitator"] as const;

export type Role = (typeof ROLES)[number];

export function isRole(name: unknown): name is Role {
  return ROLES.some((role) => role === name);
}

/** Whether `role` may all that `least` may. */
export function isAtLeast(role: Role, least: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(least);
}

/** The lowest of several roles. */
export function lowest(roles: readonly Role[]): Role | undefined {
  return ROLES.find((role) => roles.includes(role));
}
