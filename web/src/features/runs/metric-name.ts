const NAMES: Record<string, string> = {
  roc_auc: "ROC AUC",
  log_loss: "Log loss",
  accuracy: "Accuracy",
  f1_macro: "F1 (macro)",
  average_precision: "Average precision",
  brier: "Brier score",
  rmse: "RMSE",
  mae: "MAE",
  r2: "R²",
};

/** A metric as the field writes it. */
export const metricName = (metric: string) => NAMES[metric] ?? metric;
