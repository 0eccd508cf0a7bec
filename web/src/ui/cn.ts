import { clsx } from "clsx";

/** Joins class names; a component's `className` comes last and must not fight what the component sets itself. */
export const cn = clsx;
