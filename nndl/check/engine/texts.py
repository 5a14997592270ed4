"""What the checks say about each mistake that they know by name (Chinese, for students)."""

#: key of a diagnosis -> (name, what happened and what to do)
DIAGNOSES = {
    # convolution
    "padding_forgotten": ("忘了零填充", "填充 P 没有起作用。先在四周补 P 圈零，再滑动窗口。"),
    "padding_one_side": ("只填充了一侧", "上下左右都要补 P 个零，所以每个方向一共多出 2P。"),
    "padding_one_axis": ("只填充了一个方向", "高和宽都要填充。"),
    "padding_edge": ("填充的不是零", "零填充补的是 0，不是复制边缘的像素。"),
    "padding_doubled": ("填充加了两遍", "四周各补 P 圈零，只补一次；补完之后的大小已经含了 2P。"),
    "stride_ignored": (
        "忘了步长",
        "窗口每次应移动 S 格：输出 (i, j) 对应的窗口从 (i·S, j·S) 开始。",
    ),
    "stride_one_axis": ("步长只用在了一个方向上", "行和列都要乘步长：i·S 和 j·S。"),
    "stride_not_in_index": (
        "步长只改变了输出大小",
        "输出大小对了，但窗口仍从 (i, j) 开始。应从 (i·S, j·S) 开始。",
    ),
    "kernel_flipped": (
        "卷积核翻转了",
        "深度学习里的“卷积”是互相关（cross-correlation），核不翻转：X[i+u, j+v] 乘 W[u, v]。",
    ),
    "kernel_not_flipped": (
        "卷积核没有翻转",
        "求输入的梯度时，核要翻转（或把 dY[i, j]·W 散布回窗口所在的位置）。",
    ),
    "rows_columns_swapped": (
        "行列弄反了",
        "第一个下标是行（高 M、U），第二个是列（宽 N、V）。检查循环的范围和下标的次序。",
    ),
    "dilation_ignored": ("忘了空洞率", "核的元素之间要隔开：用 X[i+d·u, j+d·v]。"),
    "dilation_off_by_one": (
        "空洞率差一",
        "dilation=1 就是普通卷积；相邻两个核元素相距 d 格，而不是 d+1 格。",
    ),
    "dilation_not_in_size": (
        "输出大小没有考虑空洞",
        "核跨过 d(U − 1) + 1 格，输出大小是 M − d(U − 1)。",
    ),
    "window_overwritten": (
        "窗口里的乘积没有累加",
        "每个输出是 U·V 个乘积的**和**：累加用 +=；用 = 只留下最后一个乘积。",
    ),
    "matrix_product": (
        "做成了矩阵乘法",
        "窗口与核是**逐元素**相乘（*）再求和，不是矩阵乘法（@、np.dot）。",
    ),
    "size_off_by_one": (
        "输出大小差一",
        "窗口的位置数是 ⌊(M − U + 2P) / S⌋ + 1。常见的原因是漏了末尾的 +1，或循环少走/多走一格。",
    ),
    "bias_missing": ("忘了偏置", "每张输出特征图还要加上它自己的偏置 b[p]。"),
    "bias_per_tap": (
        "偏置加了不止一次",
        "偏置被放进了最里层的循环。每个输出像素只加一次 b[p]：先求和，最后再加。",
    ),
    "bias_per_channel": (
        "每个输入通道都加了一次偏置",
        "D 个通道的结果先相加，然后只加一次 b[p]。",
    ),
    "bias_same_for_all": (
        "所有输出特征图用了同一个偏置",
        "第 p 张特征图加 b[p]，不是都加 b[0] 或 b 的和。",
    ),
    "bias_wrong_axis": (
        "偏置加在了错误的轴上",
        "形状 [P] 的偏置会按最后一轴（宽）广播。先变成 [1, P, 1, 1]，再与 [N, P, M′, N′] 相加。",
    ),
    "channels_not_summed": (
        "输入通道没有求和",
        "一张输出特征图是 D 个通道各自卷积后的和，不是其中一个，也不是分开保留。",
    ),
    "channels_overwritten": (
        "后一个通道覆盖了前一个",
        "累加要用 +=；用 = 时只留下最后一个通道的结果。",
    ),
    "channels_averaged": ("通道取了平均", "D 个通道的结果应当相加，不除以 D。"),
    "groups_ignored": (
        "忽略了分组",
        "第 g 组的输出只看第 g 组的 D/groups 个输入通道，而不是总看最前面的那几个（或全部）。",
    ),
    "groups_interleaved": (
        "分组的次序不对",
        "连续的 P/groups 张输出特征图属于同一组：第 p 张属于第 p // (P // groups) 组。",
    ),
    "output_maps_same": (
        "所有输出特征图用了同一个核",
        "第 p 张输出特征图用 W[p]，不是都用 W[0]。",
    ),
    # pooling
    "pooling_by_sum": ("汇聚成了求和", "平均汇聚要除以窗口里的元素个数 U·V。"),
    "pooling_by_max": ("用了最大值", "这里要的是平均汇聚：取窗口里的平均值。"),
    "pooling_divisor": ("除数不对", "窗口有 U·V 个元素，就除以 U·V（不是 U，也不是步长的平方）。"),
    # gradients
    "bias_gradient_not_summed": (
        "偏置的梯度没有求和",
        "b[p] 影响第 p 张特征图的每个像素、批里的每个样本，db[p] 是这些位置上 dY 的总和。",
    ),
    "bias_gradient_one_axis": (
        "偏置的梯度少加了轴",
        "db 要在批（N）、行、列三个轴上都求和，只留下 P。",
    ),
    "gradient_averaged": (
        "梯度取了平均",
        "链式法则给出的是和。除以 N 这件事已经在损失里做过了，这里不要再除。",
    ),
    "gradient_overwritten": (
        "梯度被覆盖而没有累加",
        "同一个元素参与了好几个窗口（或样本），每次的贡献要用 += 累加。",
    ),
    "padding_not_cropped": (
        "没有裁掉填充",
        "dX 应与 X 同形状：先在填充后的大小上累加，最后裁掉四周的 P 圈。",
    ),
    # classification
    "softmax_before_cross_entropy": (
        "交叉熵之前多做了一次 softmax",
        "F.cross_entropy 自己会做 softmax，直接把 logits 交给它。",
    ),
    "log_of_logits": ("少了 softmax", "logits 不是概率：先 log_softmax，再求交叉熵。"),
    "sum_instead_of_mean": ("求了和而没有取平均", "要的是批上的平均值：除以样本数 N。"),
    "count_instead_of_fraction": ("返回的是个数", "准确率是“答对的个数 ÷ 样本数”。"),
    "percent_instead_of_fraction": ("返回的是百分数", "这里要 0 到 1 之间的小数，不乘 100。"),
    "argmax_wrong_axis": (
        "argmax 的轴不对",
        "logits 的形状是 [N, C]，要在类别轴（axis=1 或 -1）上取最大。",
    ),
    "labels_broadcast": (
        "标签的形状引起了广播",
        "[N] 与 [N, 1] 比较会得到 [N, N]。先 labels.reshape([-1])。",
    ),
    "smoothing_missing": ("没有做标签平滑", "结果与普通交叉熵一样，epsilon 没有起作用。"),
    # residual networks
    "shortcut_without_1x1": (
        "捷径上没有用 1×1 卷积",
        "形状改变时（shortcut 不是 None），要加的是 shortcut(X)，不是 X 本身。",
    ),
    "relu_before_addition": (
        "相加之前做了 ReLU",
        "第二个卷积之后只做 BN；先与捷径相加，再做 ReLU。",
    ),
    "final_relu_missing": ("少了最后的 ReLU", "相加之后还要做一次 ReLU。"),
    "middle_relu_missing": (
        "少了中间的 ReLU",
        "第一个 BN 之后要做 ReLU，否则两个卷积之间没有非线性。",
    ),
    "shortcut_forgotten": ("没有加上捷径", "残差单元的输出是 F(X) + X：别忘了加上直连边。"),
    "batch_norm_forgotten": ("没有用批量归一化", "每个卷积之后都要经过对应的 bn。"),
    "eval_mode_forgotten": (
        "忘了切换到评估模式",
        "先 model.eval()：否则 BN 用这一批的统计量、Dropout 仍在丢弃，预测会随同批的样本而变。",
    ),
    "softmax_missing": ("返回的是 logits", "要的是概率：对类别轴做 softmax。"),
    "softmax_wrong_axis": ("softmax 的轴不对", "每一行（一个样本）的概率之和应为 1：axis=-1。"),
    # generic
    "integer_division": (
        "整数与小数的除法弄混了",
        "要整数（如大小、个数）时用 //，要小数（如平均、比例）时用 /。",
    ),
    "wrong_dtype": (
        "数据类型不对",
        "转成整数（int()、整数数组）会丢掉小数部分；反过来，该是整数的地方不要返回小数。",
    ),
    "input_changed": (
        "改动了输入",
        "函数把传进来的数组原地（in-place）改掉了。先复制一份（X.clone() 或 X.copy()），再修改。",
    ),
    "sign_flipped": ("符号反了", "每个值都恰好是期望值的相反数。"),
    "scaled": ("差一个固定的倍数", "检查是求和还是平均，以及系数。"),
    "shifted": ("差一个固定的常数", "检查有没有漏加或多加一个常数。"),
    "wrong_shape": ("形状不对", "先打印返回值的形状，与期望的形状逐轴比较。"),
    "extra_axis": (
        "多了或少了长度为 1 的轴",
        "数值都对，只是形状不同：用 reshape 或 squeeze 调整。",
    ),
    "not_finite": ("出现了 NaN 或无穷大", "检查有没有除以 0、对 0 或负数取对数或开方。"),
    "outputs_swapped": ("返回值的次序不对", "数值是对的，但几个返回值的前后次序弄反了。"),
    "wrong_number_of_outputs": ("返回值的个数不对", "按题目的次序返回全部结果，用逗号分开。"),
    "wrong_type": ("返回值的类型不对", "请返回数、NumPy 数组或 Paddle 张量。"),
    "wrong_signature": ("参数与题目不一致", "保留题目给出的函数名后面的参数表。"),
    "not_callable": (
        "交来的不是函数",
        "写函数的名字本身，不加括号：check.run('5.1-1', my_function)。",
    ),
    "exception": ("运行时出错", "代码在某个例子上抛出了异常。"),
    "too_slow": ("运行太久，被停止了", "检查循环的终止条件：while 里的变量有没有改变？"),
    "no_return": ("函数没有返回值", "函数体已经写了，但返回的是 None：末尾是不是忘了 return？"),
    "unfinished": ("尚未完成", "把 `...` 换成你的代码，再运行这个单元格。"),
    "unknown": ("与期望不同", "没有认出是哪一种错误。取出这个例子，手算一个位置，与代码对照。"),
}

#: names of mistakes whose advice stands with the exercise
NAMES = {
    "sign_of_padding": "填充的符号反了",
    "stride_not_in_size": "输出的长度没有考虑步长",
    "stride_instead_of_dilation": "把空洞率当成了步长",
    "root_missing": "没有开方",
    "only_gx": "只用了一个方向的核",
    "only_gy": "只用了一个方向的核",
    "absolute_sum": "用了绝对值之和",
    "plain_sum": "两个响应直接相加了",
    "prewitt_kernel": "核的权重不对",
    "padding_added": "多做了填充",
    "own_stride": "用了本层的步长",
    "jump_first": "次序弄反了",
    "jump_not_accumulated": "步长没有累积",
    "jump_added": "步长相加了",
    "kernels_added": "核的大小相加了",
    "stride_is_window": "把窗口的大小当成了步长",
    "channels_pooled": "平均的范围太大",
    "padding_twice": "填充了两次",
    "depthwise_kernel_shared": "所有通道用了同一个核",
    "depthwise_summed": "逐通道的一步把通道相加了",
    "pointwise_missing": "少了逐点的一步",
    "pointwise_transposed": "逐点的矩阵转置了",
    "depthwise_missing": "少了逐通道的一步",
    "depthwise_times_maps": "逐通道的一步多乘了 P",
    "steps_multiplied": "两步相乘了",
    "kernel_not_squared": "核的元素少算了",
    "pixels_forgotten": "没有乘像素的个数",
    "ratio_inverted": "比值的分子分母反了",
    "ratio_is_saving": "返回的是省下的部分",
    "multiply_and_add": "乘与加分开数了",
    "ordinary_convolution": "做成了普通卷积",
    "windows_as_rows": "行与列反了",
    "channels_last": "窗口里的次序不对",
    "column_order": "列的次序不对",
    "reshape_without_transpose": "少了转置",
    "groups_in_wrong_order": "组的次序反了",
    "groups_summed": "各组的结果相加了",
    "groups_concatenated_on_batch": "拼接的轴不对",
    "padded_after_normalizing": "先归一化、后填充了",
    "range_zero_one": "归一化的范围不对",
    "not_divided": "没有除以 127.5",
    "divided_first": "运算的次序不对",
    "resized": "用缩放代替了填充",
    "inverted": "黑白颠倒了",
    "uint8_wraps": "无符号整数回绕了",
    "channel_axis_missing": "少了通道轴",
    "channel_axis_last": "通道轴的位置不对",
    "error_instead_of_accuracy": "返回的是错误率",
    "divided_by_classes": "分母不对",
    "argmax_flattened": "argmax 没有写轴",
    "smallest_logit": "取了最小的",
    "one_per_sample": "没有取平均",
    "labels_and_predictions_swapped": "真实与预测弄反了",
    "repeated_indices": "重复的下标只加了一次",
    "rows_shared": "各行是同一个列表",
    "only_diagonal": "只数了答对的",
    "only_mistakes": "只数了答错的",
    "normalized": "做了归一化",
    "epsilon_over_others": "ε 的分法不对",
    "epsilon_not_divided": "ε 没有除以 C",
    "target_not_reduced": "正确的一类没有减少",
    "uniform_part_missing": "少了均匀的部分",
    "uniform_part_on_wrong_classes": "均匀的部分漏了正确的一类",
    "epsilon_inverted": "ε 用反了",
    "averaged_over_classes": "多除以了 C",
    "log_missing": "少了对数",
    "bias_only_in_linear": "卷积层没有数偏置",
    "bias_only_in_convolutions": "全连接层没有数偏置",
    "bias_per_kernel": "偏置数多了",
    "channels_not_counted": "没有数输入通道",
    "output_layer_missing": "少了最后一层",
    "in_channels_ignored": "没有用 in_channels",
    "third_convolution_missing": "少了第三个卷积层",
    "unbiased_variance": "用了无偏的方差",
    "epsilon_missing": "少了 ε",
    "epsilon_outside_root": "ε 的位置不对",
    "statistics_per_pixel": "统计的轴不对",
    "statistics_per_sample": "统计的轴不对",
    "statistics_over_all": "统计的轴不对",
    "gamma_forgotten": "忘了 γ",
    "beta_forgotten": "忘了 β",
    "gamma_and_beta_forgotten": "忘了 γ 和 β",
    "gamma_and_beta_swapped": "γ 与 β 用反了",
    "mean_not_subtracted": "没有减去均值",
    "momentum_inverted": "momentum 用反了",
    "statistics_replaced": "旧的统计量被丢掉了",
    "old_not_weighted": "旧的值没有乘权重",
    "batch_not_weighted": "新的值没有乘权重",
    "deviation_instead_of_variance": "用了标准差",
    "matrix_transposed": "矩阵转置了",
    "pixels_scrambled": "像素混在了一起",
    "axes_not_restored": "轴的次序没有还原",
    "shortcut_batch_norm_forgotten": "捷径上少了 BN",
    "relu_on_both_sides": "相加之前做了 ReLU",
    "relu_on_shortcut": "捷径上做了 ReLU",
    "batch_norm_reused": "BN 用了两次",
    "batch_norms_together": "BN 的位置不对",
    "shortcut_subtracted": "捷径减去了",
    "statistics_counted": "把统计量也数进去了",
    "bias_counted": "多数了偏置",
    "shortcut_always": "捷径总有参数",
    "shortcut_condition": "捷径的条件不对",
    "waist_of_input": "瓶颈的宽度不对",
    "stride_twice": "步长用了两次",
    "stride_in_first_conv": "步长的位置不对",
    "stride_in_last_conv": "步长的位置不对",
    "stride_in_one_path_only": "步长只用在一条路上",
}


def describe(key, own=None):
    """Name and advice of a diagnosis.

    Parameters
    ----------
    key : str
        A key of `DIAGNOSES`, several joined by '+', or a teacher's own words.
    own : str, optional
        Advice that replaces the catalogue's.

    Returns
    -------
    (name, advice) : tuple of str
    """
    # a teacher's own words may hold a plus sign: '预热从 t + 1 算起'
    parts = [key] if " " in key else key.split("+")
    known = [DIAGNOSES.get(part) or (NAMES.get(part, part), "") for part in parts]
    name = "，并且".join(name for name, _ in known)
    return name, own or " ".join(advice for _, advice in known if advice)
