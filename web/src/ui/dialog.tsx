import { X } from "lucide-react";
import { Dialog as Radix } from "radix-ui";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "./button";
import { cn } from "./cn";

type Props = {
  open: boolean;
  /** Without it the dialog cannot be closed but by what it asks for. */
  onClose?: () => void;
  title: string;
  description?: ReactNode;
  children: ReactNode;
  wide?: boolean;
};

/** A window over the page; on a phone it comes from below. Focus stays inside and returns where it was. */
export function Dialog({ open, onClose, title, description, children, wide = false }: Props) {
  const { t } = useTranslation();
  return (
    <Radix.Root open={open} onOpenChange={(wanted) => !wanted && onClose?.()}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 bg-black/45" />
        <Radix.Content
          {...(description ? {} : { "aria-describedby": undefined })}
          onInteractOutside={(event) => {
            // what is said over the page can be answered without closing what is below
            const onToast = event.target instanceof Element && event.target.closest("[data-toast]");
            if (!onClose || onToast) event.preventDefault();
          }}
          className={cn(
            "appear fixed inset-x-0 bottom-0 z-50 max-h-[92dvh] overflow-y-auto rounded-t-lg border border-line bg-surface p-5 shadow-xl outline-none",
            "sm:inset-0 sm:m-auto sm:h-fit sm:w-[calc(100%-2rem)] sm:rounded-lg",
            wide ? "sm:max-w-2xl" : "sm:max-w-md",
          )}
        >
          <div className="mb-4 flex items-start justify-between gap-3">
            <div className="min-w-0">
              <Radix.Title className="text-lg font-semibold">{title}</Radix.Title>
              {description ? (
                <Radix.Description className="mt-0.5 text-sm text-fg-2">{description}</Radix.Description>
              ) : null}
            </div>
            {onClose ? (
              <Radix.Close asChild>
                <Button kind="ghost" size="icon" aria-label={t("action.close")} className="-mt-1 -mr-1">
                  <X size={16} aria-hidden />
                </Button>
              </Radix.Close>
            ) : null}
          </div>
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

/** The row of buttons at a dialog's end. */
export function DialogActions({ children }: { children: ReactNode }) {
  return <div className="mt-5 flex flex-wrap justify-end gap-2">{children}</div>;
}
